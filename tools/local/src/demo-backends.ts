import type { Child } from './child.ts';
import type { Manifest } from './manifests.ts';

/** TailscaleEndpoints that carry it get a demo backend for each of their endpoints that stands on loopback. */
export const demoAnnotation = 'tailscale-gateway.com/demo-backend';

export interface PlannedBackend {
  /** The machine's id: `<TailscaleEndpoints>/<endpoint>`. */
  readonly id: string;
  readonly namespace: string;
  readonly port: number;
}

export interface DemoBackend extends PlannedBackend {
  readonly process: Child;
  /** SIGKILL: it dies with what it has in flight. */
  kill(): Promise<void>;
  /** Starts it again; resolves when it listens. */
  start(): Promise<void>;
  /** How long it takes for each request, but for /health. */
  slowDown(latencyMs: number): void;
}

/** Which backends the manifests ask for. */
export function demoBackends(manifests: readonly Manifest[]): PlannedBackend[] {
  return manifests
    .filter((m) => m.kind === 'TailscaleEndpoints' && m.metadata.annotations?.[demoAnnotation] === 'true')
    .flatMap((m) => {
      const { endpoints = [] } = m.spec as { endpoints?: { name: string; externalTarget?: string }[] };
      return endpoints.flatMap((e) => {
        const port = /^(?:127\.0\.0\.1|localhost):(\d+)$/.exec(e.externalTarget ?? '')?.[1];
        const namespace = m.metadata.namespace ?? 'default';
        return port === undefined ? [] : [{ id: `${m.metadata.name}/${e.name}`, namespace, port: Number(port) }];
      });
    });
}

/** Starts one; resolves when it listens. */
export async function startDemoBackend(planned: PlannedBackend, process: Child): Promise<DemoBackend> {
  const start = async () => {
    process.start();
    await process.message((m) => (m.listening === true ? true : undefined));
  };
  await start();
  return {
    ...planned,
    process,
    start,
    kill: () => process.crash(),
    slowDown: (latencyMs) => process.send({ latencyMs }),
  };
}
