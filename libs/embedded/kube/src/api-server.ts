import type { DefinitionLike } from './start-kube-api.ts';

/** An API server as an integration suite sees it: the embedded one, or a real one, and the suite cannot tell. */
export interface ApiServer {
  /** A kubeconfig (YAML) of an administrator. */
  kubeconfig(): string;
  /** Ends it; what it stored is gone. */
  close(): Promise<void>;
}

/**
 * Starts one with nothing in it but the Gateway API's definitions, `crds`, the namespaces of a new cluster, and
 * `tailscale-gateway-system`. Resolves when all of them are served.
 */
export type StartApiServer = (options?: { crds?: readonly DefinitionLike[] }) => Promise<ApiServer>;
