import { type Machine, machinesOf, type MeshService } from '@tsgateway/model';
import type { Cluster_TransportSocketMatch } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { CertificateValidationContext } from '@tsgateway/protos/envoy/extensions/transport_sockets/tls/v3/common';
import { CommonTlsContext, UpstreamTlsContext } from '@tsgateway/protos/envoy/extensions/transport_sockets/tls/v3/tls';
import { pack } from './any.ts';

/** `verified`: the certificate must stand for the hostname. `unverified`: there is no name that it could stand for. */
export type UpstreamTls = 'verified' | 'unverified';

export function upstreamTlsOf(machine: Pick<Machine, 'protocol' | 'hostname'>): UpstreamTls | undefined {
  if (machine.protocol !== 'HTTPS') return undefined;
  return machine.hostname === undefined ? 'unverified' : 'verified';
}

/**
 * How Envoy speaks TLS to the HTTPS machines of a service; which machine wants which stands in its endpoint's
 * metadata. None for a service without such machines.
 *
 * @param caFile the CA bundle in Envoy's file system, by which certificates are verified; undefined: they are not.
 */
export function transportSocketMatches(
  service: MeshService | undefined,
  caFile: string | undefined,
): Cluster_TransportSocketMatch[] {
  const wanted = new Set(service ? machinesOf(service).map(upstreamTlsOf) : []);
  return (['verified', 'unverified'] as const)
    .filter((tls) => wanted.has(tls))
    .map((tls) => ({
      name: `tls-${tls}`,
      match: { tls },
      transportSocket: {
        name: 'envoy.transport_sockets.tls',
        configType: {
          $case: 'typedConfig',
          value: pack(
            'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
            UpstreamTlsContext,
            upstreamTlsContext(tls === 'verified' ? caFile : undefined),
          ),
        },
      },
    }));
}

function upstreamTlsContext(caFile: string | undefined): UpstreamTlsContext {
  const trust: CommonTlsContext['validationContextType'] =
    caFile === undefined
      ? undefined
      : {
          $case: 'validationContext',
          value: CertificateValidationContext.fromPartial({
            trustedCa: { specifier: { $case: 'filename', value: caFile } },
          }),
        };
  return {
    ...UpstreamTlsContext.fromPartial({}),
    commonTlsContext: { ...CommonTlsContext.fromPartial({}), validationContextType: trust },
    // Fields 6 (auto_host_sni: the name sent is the endpoint's hostname) and 7 (auto_sni_san_validation: the
    // certificate must be for it), which the protos at hand predate.
    _unknownFields: { [boolTag(6)]: [TRUE], ...(trust && { [boolTag(7)]: [TRUE] }) },
  };
}

const TRUE = Uint8Array.of(1);
const boolTag = (field: number): number => field * 8;
