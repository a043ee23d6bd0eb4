import type { Child } from './child.ts';
import type { Manifest } from './manifests.ts';
import { UsageError } from './options.ts';

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
  /** Resolves to when (Unix ms) it answered its `n`th probe since it was started. */
  probed(n: number, options: { deadlineMs: number; signal: AbortSignal }): Promise<number>;
  /** How long it takes for each request, but for probes. */
  slowDown(latencyMs: number): void;
}

/** Which backends the manifests ask for. @throws UsageError when two of them want the same port. */
export function demoBackends(manifests: readonly Manifest[]): PlannedBackend[] {
  const byPort = new Map<number, PlannedBackend>();
  for (const planned of annotated(manifests)) {
    const other = byPort.get(planned.port);
    if (other) {
      throw new UsageError(
        `${other.id} and ${planned.id} have the same externalTarget: port ${planned.port} can hold one demo backend`,
      );
    }
    byPort.set(planned.port, planned);
  }
  return [...byPort.values()];
}

function annotated(manifests: readonly Manifest[]): PlannedBackend[] {
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
    probed: (n, options) => process.message((m) => (Number(m.probes) >= n ? Number(m.atMs) : undefined), options),
    kill: () => process.crash(),
    slowDown: (latencyMs) => process.send({ latencyMs }),
  };
}
