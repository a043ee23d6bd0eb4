import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KubeClient, type KubeObject, type Resource } from '@tsgateway/kube';
import type { ApiCluster } from '../api-cluster.ts';
import { ensureBinaries } from '../binaries.ts';
import { runCommand } from '../command.ts';
import type { LevelContext, PartStatus } from '../level.ts';
import { endProcess, isAlive, type ProcessRecord, startProcess, untilReady } from '../process.ts';
import { versions } from '../versions.ts';
import { cgroupProcesses, createCgroup, inCgroup, removeCgroup } from './cgroup.ts';
import { buildPauseImage, loadImage } from './images.ts';
import { createNetwork, readSysctls, removeNetwork, restoreSysctls } from './network.ts';
import {
  cniConfig,
  containerdConfig,
  corefile,
  dnsObjects,
  dnsReadyPort,
  kubeletConfig,
  kubeProxyConfig,
  nodeAddress,
  nodeName,
  type NodePaths,
  pauseImage,
} from './node-config.ts';
import { withMountsOf, withOwnMounts } from './own-mounts.ts';
import { until } from './until.ts';

/** Plain data, enough for another process to end the node, however far it had come. */
export interface NodeState {
  readonly containerdSocket: string;
  /** What the kernel's settings were before. */
  readonly sysctls: Readonly<Record<string, string>>;
  readonly parts: readonly NodePart[];
}

interface NodePart {
  readonly name: string;
  readonly version: string;
  /** Undefined: it says nothing of its health, it only lives. */
  readonly healthUrl?: string | undefined;
  readonly process: ProcessRecord;
}

/** What a node runs, besides Debian's containerd. */
export const nodeBinaries = ['kubelet', 'kube-proxy', 'coredns'] as const;

const healthDeadlineMs = 3000;
const readyDeadlineMs = 60_000;
const graceMs = 3000;
const dnsUser = 'tsgateway:coredns';
/** An address of a socket is at most 107 bytes, and containerd appends `.ttrpc`. */
const socketPathLimit = 100;

/**
 * Starts containerd, kubelet, kube-proxy and CoreDNS, and returns when pods can run, Services answer, and names are found.
 * @throws Error when a node of this tool runs already, or a part does not get ready, with the end of its log
 */
export async function upNode(api: ApiCluster, ctx: LevelContext<NodeState>): Promise<NodeState> {
  const { log, signal } = ctx;
  const others = await cgroupProcesses();
  if (others.length > 0) {
    throw new Error(
      'a node of another cluster runs on this machine, which has room for one: npm run cluster -- down --name ITS_NAME' +
        ` (its processes: ${others.join(', ')})`,
    );
  }
  const binaries = await ensureBinaries(nodeBinaries, { log, signal });
  const dir = join(ctx.dir, 'node');
  const paths: NodePaths = { dir, containerdSocket: join(dir, 'containerd.sock') };
  if (/^\/(etc|run|var\/lib|var\/log)\//.test(dir)) {
    throw new Error(`${dir} is in a folder that the node sees a copy of: choose another (XDG_STATE_HOME)`);
  }
  if (paths.containerdSocket.length > socketPathLimit) {
    throw new Error(`the path ${paths.containerdSocket} is too long for a socket: choose a shorter folder`);
  }
  let state: NodeState = { containerdSocket: paths.containerdSocket, sysctls: await readSysctls(), parts: [] };
  await ctx.save(state);
  await removeLeftovers();
  const { kubeletKubeconfig, kubeProxyConfigFile, corefileFile } = await writeConfigs(api, paths);
  await createCgroup();
  await createNetwork(signal);

  const start = async (part: Omit<NodePart, 'process'>, command: readonly string[]): Promise<NodePart> => {
    signal.throwIfAborted();
    const logFile = join(ctx.dir, 'logs', `${part.name}.log`);
    const process = await startProcess({
      name: part.name,
      command: inCgroup(command),
      logFile,
      lifetime: 'detached',
    });
    const started = { ...part, process };
    state = { ...state, parts: [...state.parts, started] };
    await ctx.save(state);
    return started;
  };
  const ready = async (part: NodePart) =>
    untilReady(part.process, async () => (await health(part)) === 'ok', { deadlineMs: readyDeadlineMs, signal });

  const version = versions.kubernetes;
  const kubeProxy = await start({ name: 'kube-proxy', version, healthUrl: `http://${nodeAddress}:10256/healthz` }, [
    binaries['kube-proxy'],
    `--config=${kubeProxyConfigFile}`,
  ]);
  const dnsHealth = `http://${nodeAddress}:${dnsReadyPort}/ready`;
  const coredns = await start({ name: 'coredns', version: versions.coredns, healthUrl: dnsHealth }, [
    binaries.coredns,
    '-conf',
    corefileFile,
  ]);
  const containerd = await start(
    { name: 'containerd', version: await containerdVersion(signal) },
    withOwnMounts(join(dir, 'memory'), ['containerd', '--config', join(dir, 'containerd.toml')]),
  );
  await untilReady(containerd.process, () => ctrWorks(paths.containerdSocket), { deadlineMs: readyDeadlineMs, signal });
  await buildPauseImage({ log, signal });
  await loadImage(pauseImage, paths, { log, signal });
  const kubelet = await start(
    { name: 'kubelet', version, healthUrl: `http://${nodeAddress}:10248/healthz` },
    withMountsOf(containerd.process.pid, [
      binaries.kubelet,
      `--config=${join(dir, 'kubelet.yaml')}`,
      `--kubeconfig=${kubeletKubeconfig}`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${nodeAddress}`,
      `--root-dir=${join(dir, 'kubelet')}`,
      `--cert-dir=${join(dir, 'kubelet-pki')}`,
    ]),
  );
  const client = KubeClient.connect({ kubeconfigPath: api.adminKubeconfig, userAgent: 'tsgateway-cluster' });
  try {
    await applyDns(client, signal);
    await Promise.all([kubelet, kubeProxy, coredns].map(ready));
    await until(() => nodeIsReady(client, signal), { what: 'the node is Ready', deadlineMs: readyDeadlineMs, signal });
  } finally {
    await client.close();
  }
  return state;
}

/**
 * Ends the node and all that runs on it, and gives back what it took from the machine: also after a crash, of a node that was started
 * in part, and with the API server gone. Pods are killed, not asked: nothing of them is to stay. Goes on after a step that fails.
 * @throws AggregateError that names every step that failed
 */
export async function downNode(state: NodeState, { log }: Pick<LevelContext<NodeState>, 'log'>): Promise<void> {
  const failures: Error[] = [];
  const step = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      log(`${what}: ${why}`);
      failures.push(new Error(`${what}: ${why}`, { cause }));
    }
  };
  // The kubelet first, so that it starts no pod again.
  for (const { name, process } of [...state.parts].reverse()) {
    await step(`ending ${name}`, () => endProcess(process, { graceMs }));
  }
  // Pods, and what was started just before a crash and not written down. Mounts and network namespaces end with them.
  await step('ending pods', removeCgroup);
  await step('removing the network', removeNetwork);
  await step("restoring the kernel's settings", () => restoreSysctls(state.sysctls));
  if (failures.length > 0) throw new AggregateError(failures, failures.map((error) => error.message).join('\n'));
}

export { nodeAddress } from './node-config.ts';
export { preflightNode } from './preflight.ts';

/** For `status`. */
export function nodeParts(state: NodeState): Promise<PartStatus[]> {
  return Promise.all(
    state.parts.map(async (part) => {
      const { name, version, process } = part;
      if (!(await isAlive(process))) return { name, version, pid: undefined, health: 'has ended' };
      return { name, version, pid: process.pid, health: await health(part).catch((error: Error) => error.message) };
    }),
  );
}

/** Of a node whose state was lost with its folder. Its processes have ended: `upNode` has looked. */
async function removeLeftovers(): Promise<void> {
  await removeCgroup();
  await removeNetwork();
}

async function writeConfigs(api: ApiCluster, paths: NodePaths) {
  const { dir } = paths;
  for (const folder of ['cni', 'memory', 'pod-logs', 'kubelet']) {
    await mkdir(join(dir, folder), { recursive: true, mode: 0o700 });
  }
  const kubeletKubeconfig = await api.kubeconfigFor({ user: `system:node:${nodeName}`, groups: ['system:nodes'] });
  const kubeProxyKubeconfig = await api.kubeconfigFor({ user: 'system:kube-proxy' });
  const dnsKubeconfig = await api.kubeconfigFor({ user: dnsUser });
  const kubeProxyConfigFile = join(dir, 'kube-proxy.yaml');
  const corefileFile = join(dir, 'Corefile');
  await writeFile(join(dir, 'cni', '10-tsgateway.conflist'), cniConfig(paths));
  await writeFile(join(dir, 'containerd.toml'), containerdConfig(paths));
  await writeFile(join(dir, 'kubelet.yaml'), kubeletConfig(paths, api.caFile));
  await writeFile(kubeProxyConfigFile, kubeProxyConfig(kubeProxyKubeconfig));
  await writeFile(corefileFile, corefile(dnsKubeconfig, { forward: await hasNameserver() }));
  return { kubeletKubeconfig, kubeProxyConfigFile, corefileFile };
}

async function hasNameserver(): Promise<boolean> {
  const file = '/etc/resolv.conf';
  return existsSync(file) && /^\s*nameserver\s+\S/m.test(await readFile(file, 'utf8'));
}

async function applyDns(client: KubeClient, signal: AbortSignal): Promise<void> {
  for (const [resource, object] of dnsObjects(dnsUser)) {
    await client.apply(resource, object, { fieldManager: 'tsgateway-cluster', signal });
  }
}

const nodes: Resource<Node> = { group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false };

interface Node extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function nodeIsReady(client: KubeClient, signal: AbortSignal): Promise<boolean> {
  const { status } = await client.get(nodes, { name: nodeName }, { signal });
  return status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
}

/** `ok`, or what is wrong. */
async function health({ healthUrl }: NodePart): Promise<string> {
  if (healthUrl === undefined) return 'ok';
  const response = await fetch(healthUrl, { signal: AbortSignal.timeout(healthDeadlineMs) });
  return response.ok ? 'ok' : `HTTP ${response.status}: ${(await response.text()).trim()}`;
}

async function containerdVersion(signal: AbortSignal): Promise<string> {
  const text = await runCommand(['containerd', '--version'], { deadlineMs: 10_000, signal });
  return /\d+\.\d+\.\d+\S*/.exec(text)?.[0] ?? 'unknown';
}

async function ctrWorks(socket: string): Promise<boolean> {
  await runCommand(['ctr', '--address', socket, 'version'], { deadlineMs: 5000 });
  return true;
}
