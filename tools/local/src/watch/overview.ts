import type { TailscaleServices } from '@tsgateway/api';
import type { BackendStats } from '@tsgateway/embedded-gateway';
import { type Machine, machinesOf } from '@tsgateway/model';
import { ApiRefusal } from '../cluster-client.ts';
import type { Manifest } from '../manifests.ts';
import { whyNotReady } from '../serving.ts';
import { isReady, serviceNames, type Stack } from '../stack.ts';
import { nameOf, serviceOf, servicesRef, type Target, targetsOf } from '../target.ts';

/** What is shown, as text. */
export interface Overview {
  readonly backends: readonly BackendRow[];
  readonly processes: readonly ProcessRow[];
  /** Why services are not ready, a sentence each. */
  readonly notes: readonly string[];
}

export interface BackendRow {
  readonly service: string;
  readonly strategy: string;
  readonly backend: string;
  readonly tier: string;
  readonly weight: string;
  readonly health: string;
  readonly requests: string;
  readonly pid: string;
}

export interface ProcessRow {
  readonly process: string;
  readonly state: string;
  readonly pid: string;
  readonly restarts: string;
}

/** Asks the Kubernetes API (for the routes that are there now, too), the data plane, and each service's /readyz. */
export async function readOverview(stack: Stack): Promise<Overview> {
  const [stats, targets] = await Promise.all([
    stack.stats().catch(() => undefined),
    stack.client.list<Manifest>('gateway.networking.k8s.io/v1', 'HTTPRoute').then(targetsOf),
  ]);
  const [services, processes] = await Promise.all([
    Promise.all(targets.map((target) => readService(stack, { target, stats }))),
    Promise.all(serviceNames.map((name) => processRow(stack, name))),
  ]);
  const gateway = rowOf('gateway', stack.gateway, stats !== undefined);
  return {
    backends: services.flatMap((s) => s.rows),
    processes: [...processes, gateway],
    notes: services.flatMap((s) => s.note ?? []),
  };
}

interface Seen {
  readonly target: Target;
  /** Undefined: the data plane did not answer. */
  readonly stats: readonly BackendStats[] | undefined;
}

async function readService(stack: Stack, { target, stats }: Seen): Promise<{ rows: BackendRow[]; note?: string }> {
  const note = await whyNotReady(stack, target).catch((error: unknown) => `${nameOf(target)}: ${String(error)}`);
  const rows = await rowsOf(stack, { target, stats }).catch((error: unknown) => {
    if (error instanceof ApiRefusal) return []; // deleted: the note says so
    throw error;
  });
  return note === undefined ? { rows } : { rows, note };
}

async function rowsOf(stack: Stack, { target, stats }: Seen): Promise<BackendRow[]> {
  const { status } = await stack.client.get<TailscaleServices>(servicesRef(target));
  const service = await serviceOf(stack, target);
  const cluster = `tsgateway/${target.namespace}/${target.name}/`;
  const { failoverStatus, endpointWeights } = status?.loadBalancingStatus ?? {};
  return machinesOf(service).map((machine) => {
    const group = service.groups.find((g) => g.machines.includes(machine));
    const tier = ['primary', 'secondary', 'other'][group?.tier ?? 0] ?? '';
    const own = stats?.filter((s) => s.cluster.startsWith(cluster) && s.address === `${machine.host}:${machine.port}`);
    return {
      service: nameOf(target),
      strategy: service.strategy,
      backend: machine.id,
      tier: service.strategy === 'failover' ? `${tier}${tier === failoverStatus?.activeTier ? ' *' : ''}` : '',
      weight: String(endpointWeights?.[group?.name ?? ''] ?? group?.weight ?? ''),
      health: healthOf(own),
      requests: own === undefined ? '?' : String(own.reduce((sum, s) => sum + s.requests, 0)),
      pid: pidOf(stack, { target, machine }),
    };
  });
}

/** How the data plane sees a backend, whose statistics these are. Undefined: it did not answer. */
export function healthOf(own: readonly Pick<BackendStats, 'healthy' | 'inRotation'>[] | undefined): string {
  if (own === undefined) return 'unknown';
  if (!own.some((s) => s.inRotation)) return 'OUT';
  return own.some((s) => s.healthy) ? 'healthy' : 'EJECTED';
}

function pidOf(stack: Stack, { target, machine }: { target: Target; machine: Machine }): string {
  const demo = stack.backends.find((b) => b.namespace === target.namespace && b.id === machine.id);
  return demo === undefined ? '' : String(demo.process.pid ?? 'killed');
}

async function processRow(stack: Stack, name: (typeof serviceNames)[number]): Promise<ProcessRow> {
  const child = stack.services[name];
  return rowOf(name, child, child.running && (await isReady(name, stack.ports).catch(() => false)));
}

function rowOf(process: string, child: Stack['gateway'], ready: boolean): ProcessRow {
  const state = !child.running ? 'DOWN' : ready ? 'ready' : 'starting';
  const restarts = child.restarts === 0 ? '' : `restarted ${child.restarts}x`;
  return { process, state, pid: String(child.pid ?? '-'), restarts };
}
