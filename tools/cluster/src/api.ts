import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiCluster, type ApiState } from './api-cluster.ts';
import { controlPlaneParts } from './api-part.ts';
import { ensureBinaries, findOnPath } from './binaries.ts';
import { runCommand } from './command.ts';
import { apiServerHosts, auditPolicy, type ControlPlane } from './control-plane-args.ts';
import { freePorts } from './free-port.ts';
import { kubeconfig } from './kubeconfig.ts';
import { createPki, readKeyPair } from './pki.ts';
import { startProcess } from './process.ts';
import { versions } from './versions.ts';

export interface StartApiOptions {
  /** Everything that is written is below it; made if need be. Removing it is the caller's. */
  readonly dir: string;
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** For a cluster with nodes: an address of this machine that they and their pods dial. A scheduler is started too. */
  readonly nodeAddress?: string | undefined;
  /** Given: the processes outlive this one, and this writes down what has been started. Not given: they die with it. */
  readonly save?: ((state: ApiState) => Promise<void>) | undefined;
}

const versionDeadlineMs = 10_000;

/** What `startApi` needs, beside the machine's own etcd. */
export function apiBinaries({ withNodes }: { readonly withNodes: boolean }) {
  const names = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const;
  return names.filter((name) => name !== 'kube-scheduler' || withNodes);
}

/**
 * Starts etcd, kube-apiserver and kube-controller-manager, and returns when they are ready: namespaces have their service account, and
 * owners that are deleted take their objects along.
 * @throws Error when one of them does not get ready, with the end of its log; the signal's reason when that aborts. By then what was
 *   started has ended.
 */
export async function startApi(options: StartApiOptions): Promise<ApiCluster> {
  const { dir, log, signal, nodeAddress, save } = options;
  const etcd = await findOnPath('etcd');
  if (etcd === undefined) throw new Error('etcd is not on the PATH: apt-get install etcd-server');
  const kubernetes = await ensureBinaries(apiBinaries({ withNodes: nodeAddress !== undefined }), { log, signal });
  const binaries: Readonly<Record<string, string>> = { ...kubernetes, etcd };
  const etcdVersion = await versionOfEtcd(etcd, signal);

  const plane: ControlPlane = { dir, ports: await choosePorts(), nodeAddress };
  await writeFiles(plane);
  let state: ApiState = { ...plane, parts: [] };
  try {
    for (const stage of controlPlaneParts(plane)) {
      for (const { name, healthUrl, args } of stage) {
        signal?.throwIfAborted();
        const process = await startProcess({
          name,
          command: [binaries[name] ?? name, ...args],
          logFile: join(dir, 'logs', `${name}.log`),
          lifetime: save === undefined ? 'parent' : 'detached',
        });
        const version = name === 'etcd' ? etcdVersion : versions.kubernetes;
        state = { ...state, parts: [...state.parts, { name, version, healthUrl, process }] };
        await save?.(state);
      }
      const cluster = new ApiCluster(state);
      await Promise.all(stage.map(({ name }) => cluster.untilReady(name, signal)));
    }
    return new ApiCluster(state);
  } catch (error) {
    await new ApiCluster(state).stop();
    throw error;
  }
}

async function choosePorts(): Promise<ControlPlane['ports']> {
  const [etcd = 0, etcdHealth = 0, apiServer = 0, controllerManager = 0, scheduler = 0] = await freePorts(5);
  return { etcd, etcdHealth, apiServer, controllerManager, scheduler };
}

/** All that its processes read, and the kubeconfig that they and the admin share. */
async function writeFiles({ dir, ports, nodeAddress }: ControlPlane): Promise<void> {
  await mkdir(join(dir, 'logs'), { recursive: true, mode: 0o700 });
  await writeFile(join(dir, 'audit-policy.yaml'), auditPolicy);
  const pki = join(dir, 'pki');
  await createPki(pki, apiServerHosts(nodeAddress));
  const [{ cert: ca }, credentials] = await Promise.all([readKeyPair(pki, 'ca'), readKeyPair(pki, 'admin')]);
  const server = `https://127.0.0.1:${ports.apiServer}`;
  const text = kubeconfig({ server, ca, user: 'kubernetes-admin', credentials });
  await writeFile(join(dir, 'kubeconfig'), text, { mode: 0o600 });
}

async function versionOfEtcd(etcd: string, signal: AbortSignal | undefined): Promise<string> {
  const text = await runCommand([etcd, '--version'], { deadlineMs: versionDeadlineMs, signal });
  return /etcd Version: (\S+)/.exec(text)?.[1] ?? 'unknown';
}
