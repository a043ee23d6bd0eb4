import type { TailscaleServices } from '@tsgateway/api';
import type { BackendStats } from '@tsgateway/embedded-gateway';
import { type Machine, machinesOf, type MeshService } from '@tsgateway/model';
import { ApiRefusal } from '../cluster-client.ts';
import type { Manifest } from '../manifests.ts';
import { whyNotReady } from '../serving.ts';
import { isReady, serviceNames, type Stack } from '../stack.ts';
import { nameOf, serviceOf, servicesRef, type Target, targetsOf } from '../target.ts';

/** What is shown, as text. */
export interface Overview {
  readonly services: readonly ServiceRows[];
  readonly processes: readonly ProcessRow[];
}

export interface ServiceRows {
  /** `namespace/name` */
  readonly service: string;
  readonly strategy: string;
  /** Why it is not ready, in a sentence; '': it is. */
  readonly note: string;
  readonly backends: readonly BackendRow[];
}

export interface BackendRow {
  readonly backend: string;
  readonly health: string;
  readonly requests: string;
  readonly pid: string;
  readonly weight: string;
  readonly tier: string;
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
  return { services, processes: [...processes, rowOf('gateway', stack.gateway, stats !== undefined)] };
}

interface Seen {
  readonly target: Target;
  /** Undefined: the data plane did not answer. */
  readonly stats: readonly BackendStats[] | undefined;
}

async function readService(stack: Stack, seen: Seen): Promise<ServiceRows> {
  const service = nameOf(seen.target);
  const note = (await whyNotReady(stack, seen.target)) ?? '';
  try {
    const mesh = await serviceOf(stack, seen.target);
    return { service, strategy: mesh.strategy, note, backends: await rowsOf(stack, { ...seen, mesh }) };
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error;
    return { service, strategy: '', note, backends: [] }; // deleted: the note says so
  }
}

async function rowsOf(stack: Stack, { target, stats, mesh }: Seen & { mesh: MeshService }): Promise<BackendRow[]> {
  const { status } = await stack.client.get<TailscaleServices>(servicesRef(target));
  const cluster = `tsgateway/${nameOf(target)}/`;
  const { failoverStatus, endpointWeights } = status?.loadBalancingStatus ?? {};
  return machinesOf(mesh).map((machine) => {
    const group = mesh.groups.find((g) => g.machines.includes(machine));
    const tier = ['primary', 'secondary', 'other'][group?.tier ?? 0] ?? '';
    const own = stats?.filter((s) => s.cluster.startsWith(cluster) && s.address === `${machine.host}:${machine.port}`);
    return {
      backend: machine.id,
      health: healthOf(own),
      requests: own === undefined ? '?' : String(own.reduce((sum, s) => sum + s.requests, 0)),
      pid: pidOf(stack, { target, machine }),
      weight: String(endpointWeights?.[group?.name ?? ''] ?? group?.weight ?? ''),
      tier: mesh.strategy === 'failover' ? `${tier}${tier === failoverStatus?.activeTier ? ' *' : ''}` : '',
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
