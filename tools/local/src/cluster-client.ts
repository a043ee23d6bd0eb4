import {
  ApiException,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  PatchStrategy,
} from '@kubernetes/client-node';
import type { Manifest } from './manifests.ts';

export type Ref = Pick<Manifest, 'apiVersion' | 'kind'> & {
  readonly metadata: { readonly name: string; readonly namespace?: string };
};

/** kubectl's own, so that `kubectl apply --server-side` of the same files, edited, takes over without a conflict. */
const fieldManager = 'kubectl';

/** The API server said no. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal';
  /** The HTTP status. */
  readonly code: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What the local run asks of the Kubernetes API; kinds are found by discovery. Methods throw ApiRefusal. */
export class ClusterClient {
  readonly #api: KubernetesObjectApi;

  constructor(kubeconfigPath: string) {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfigPath);
    this.#api = KubernetesObjectApi.makeApiClient(config);
  }

  /** Server-side apply. */
  async apply(object: Manifest): Promise<void> {
    await this.#api
      .patch(object as KubernetesObject, undefined, undefined, fieldManager, true, PatchStrategy.ServerSideApply)
      .catch(refuse(object));
  }

  async get<T>(ref: Ref): Promise<T> {
    return (await this.#api.read(ref).catch(refuse(ref))) as T;
  }

  /** Without a namespace: of all. */
  async list<T>(apiVersion: string, kind: string, namespace?: string): Promise<T[]> {
    return (await this.#api.list(apiVersion, kind, namespace).catch(refuse({ apiVersion, kind }))).items as T[];
  }

  /** JSON merge patch. */
  async merge(ref: Ref, patch: object): Promise<void> {
    const body = { ...ref, ...patch, metadata: { ...ref.metadata, ...(patch as { metadata?: object }).metadata } };
    await this.#api
      .patch(body as KubernetesObject, undefined, undefined, fieldManager, undefined, PatchStrategy.MergePatch)
      .catch(refuse(ref));
  }
}

/** The client's errors hold the whole answer; what counts is the message of the Status in it. */
function refuse({ apiVersion, kind }: { apiVersion: string; kind: string }): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof Error)) throw error;
    if (/^(Failed to fetch resource metadata|Unrecognized API version and kind)/.test(error.message)) {
      throw new ApiRefusal(404, `the API server has no kind ${kind} in ${apiVersion}`, { cause: error });
    }
    if (!(error instanceof ApiException)) throw error;
    throw new ApiRefusal(error.code, messageOf(error.body) ?? `HTTP ${error.code}`, { cause: error });
  };
}

function messageOf(body: unknown): string | undefined {
  try {
    const status = (typeof body === 'string' ? JSON.parse(body) : body) as { message?: unknown } | null;
    return typeof status?.message === 'string' ? status.message.replaceAll(/\s*\n\s*/g, ' ') : undefined;
  } catch {
    return undefined;
  }
}
