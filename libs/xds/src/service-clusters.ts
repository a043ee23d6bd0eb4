import { type BackendKind, type MeshModel, serviceKey } from '@tsgateway/model';
import { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { parseServiceClusterName, serviceClusterName } from './names.ts';
import { ServiceClusterEncoder, sharedSettings, variantOf } from './service-cluster.ts';
import { readable } from './wire.ts';

export interface ServiceClustersOptions {
  readonly model: Pick<MeshModel, 'services'>;
  /** The CA bundle in Envoy's file system; undefined: certificates of HTTPS machines are not verified. */
  readonly caFile: string | undefined;
}

/** A cluster of Envoy Gateway's as clusters of ours are made from. */
export interface Base {
  readonly encoder: ServiceClusterEncoder;
  readonly variant: string | undefined;
}

/** The clusters of ours in one translation: one for each service, port and variant of settings. */
export class ServiceClusters {
  readonly #options: ServiceClustersOptions;
  readonly #clusters = new Map<string, Uint8Array>();
  /** By the bytes of its settings, which many rules have in common; undefined: it cannot be decoded. */
  readonly #bases = new Map<string, Base | undefined>();

  constructor(options: ServiceClustersOptions) {
    this.#options = options;
  }

  /** Undefined: the bytes cannot be decoded. */
  baseOf(bytes: Uint8Array, http2: boolean): Base | undefined {
    const settings = sharedSettings(bytes);
    const key = `${http2} ${Buffer.from(settings.buffer, settings.byteOffset, settings.length).toString('latin1')}`;
    if (!this.#bases.has(key)) this.#bases.set(key, decodeBase(bytes, { http2, caFile: this.#options.caFile }));
    return this.#bases.get(key);
  }

  /**
   * The name of the cluster for a backendRef.
   *
   * @throws Error with what is wrong with the reference, when Envoy would refuse the cluster, and all others with it.
   */
  nameFor(ref: { kind: BackendKind; namespace: string; name: string; port: number }, base: Base): string {
    const name = serviceClusterName({ ...ref, variant: base.variant });
    if (this.#clusters.has(name)) return name;
    // What cannot be read back would also get no endpoints.
    if (parseServiceClusterName(name)?.port !== ref.port)
      throw new Error(`${serviceKey(ref)}: ${name} is no valid name`);
    const service = this.#options.model.services.get(serviceKey(ref));
    this.#clusters.set(name, base.encoder.encode(name, service));
    return name;
  }

  /** Those that a route uses, sorted by name. */
  encoded(used: ReadonlySet<string>): Uint8Array[] {
    return [...this.#clusters]
      .filter(([name]) => used.has(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, bytes]) => bytes);
  }
}

const decodeBase = (bytes: Uint8Array, settings: { http2: boolean; caFile: string | undefined }): Base | undefined =>
  readable(() => {
    const base = Cluster.decode(bytes);
    return { encoder: new ServiceClusterEncoder({ base, ...settings }), variant: variantOf(base, settings.http2) };
  });
