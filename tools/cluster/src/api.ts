import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { apiRequest } from './api-request.ts';
import { ensureBinaries, findOnPath } from './binaries.ts';
import { runCommand } from './command.ts';
import {
  apiServerArgs,
  apiServerHosts,
  auditPolicy,
  controllerManagerArgs,
  type ControlPlane,
  etcdArgs,
  schedulerArgs,
} from './control-plane-args.ts';
import { freePorts } from './free-port.ts';
import { kubeconfig } from './kubeconfig.ts';
import type { PartStatus } from './level.ts';
import { CertificateAuthority, createPki, readKeyPair, type Subject } from './pki.ts';
import { endProcess, isAlive, type ProcessRecord, type ProcessSpec, startProcess, untilReady } from './process.ts';
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

/** Plain data, enough for another process to use and to stop it. */
export interface ApiState extends ControlPlane {
  readonly parts: readonly ApiPart[];
}

type ApiPartName = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler';

interface ApiPart {
  readonly name: ApiPartName;
  readonly version: string;
  readonly healthUrl: string;
  readonly process: ProcessRecord;
}

/** Who a kubeconfig is for: a service account that exists, as `NAMESPACE/NAME`, or any user by certificate. */
export type KubeconfigHolder = { readonly serviceAccount: string } | Subject;

const readyDeadlineMs = 60_000;
const graceMs = 3000;
const tokenSeconds = 24 * 60 * 60;

/** What it needs, beside the machine's own etcd. */
export function apiBinaries(withNodes: boolean) {
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
  const { dir, log, signal, nodeAddress, save = () => Promise.resolve() } = options;
  const lifetime = options.save === undefined ? 'parent' : 'detached';
  const etcd = await findOnPath('etcd');
  if (etcd === undefined) throw new Error('etcd is not on the PATH: apt-get install etcd-server');
  const binaries = await ensureBinaries(apiBinaries(nodeAddress !== undefined), { log, signal });

  await mkdir(join(dir, 'logs'), { recursive: true, mode: 0o700 });
  const [etcdPort = 0, etcdHealth = 0, apiServer = 0, controllerManager = 0, scheduler = 0] = await freePorts(5);
  const ports = { etcd: etcdPort, etcdHealth, apiServer, controllerManager, scheduler };
  let state: ApiState = { dir, ports, nodeAddress, parts: [] };
  await createPki(join(dir, 'pki'), apiServerHosts(nodeAddress));
  await writeFile(join(dir, 'audit-policy.yaml'), auditPolicy);
  const cluster = new ApiCluster(state);
  await cluster.writeAdminKubeconfig();

  const start = async (part: Omit<ApiPart, 'process'>, command: readonly string[]) => {
    signal?.throwIfAborted();
    const spec: ProcessSpec = { name: part.name, command, logFile: join(dir, 'logs', `${part.name}.log`), lifetime };
    const started: ApiPart = { ...part, process: await startProcess(spec) };
    state = { ...state, parts: [...state.parts, started] };
    cluster.state = state;
    await save(state);
    return started;
  };
  const ready = (part: ApiPart) => cluster.untilReady(part, signal);
  try {
    const etcdVersion = /etcd Version: (\S+)/.exec(
      await runCommand([etcd, '--version'], { deadlineMs: 10_000, signal }),
    )?.[1];
    await ready(
      await start(
        { name: 'etcd', version: etcdVersion ?? 'unknown', healthUrl: `http://127.0.0.1:${ports.etcdHealth}/health` },
        [etcd, ...etcdArgs(state)],
      ),
    );
    const version = versions.kubernetes;
    await ready(
      await start({ name: 'kube-apiserver', version, healthUrl: `${cluster.server}/readyz` }, [
        binaries['kube-apiserver'],
        ...apiServerArgs(state),
      ]),
    );
    const rest = [
      await start(
        {
          name: 'kube-controller-manager',
          version,
          healthUrl: `https://127.0.0.1:${ports.controllerManager}/healthz`,
        },
        [binaries['kube-controller-manager'], ...controllerManagerArgs(state)],
      ),
    ];
    if (nodeAddress !== undefined) {
      const healthUrl = `https://127.0.0.1:${ports.scheduler}/healthz`;
      rest.push(
        await start({ name: 'kube-scheduler', version, healthUrl }, [
          binaries['kube-scheduler'],
          ...schedulerArgs(state),
        ]),
      );
    }
    await Promise.all(rest.map(ready));
    await cluster.untilControllersWork(signal);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** A control plane that runs. Made by `startApi`; or from its state, by another process. */
export class ApiCluster {
  state: ApiState;

  constructor(state: ApiState) {
    this.state = state;
  }

  get server(): string {
    return `https://127.0.0.1:${this.state.ports.apiServer}`;
  }

  /** Path of a kubeconfig that may do everything. */
  get adminKubeconfig(): string {
    return join(this.state.dir, 'kubeconfig');
  }

  /** Path of the certificate that the API server is signed by. */
  get caFile(): string {
    return join(this.#pki, 'ca.crt');
  }

  /** Path of the audit log: one JSON event a line, at metadata level. */
  get auditLog(): string {
    return join(this.state.dir, 'audit.log');
  }

  get #pki(): string {
    return join(this.state.dir, 'pki');
  }

  /**
   * Writes a kubeconfig for somebody, valid for a day at least. What they may do is up to RBAC.
   * @returns its path
   * @throws Error when the service account does not exist
   */
  async kubeconfigFor(holder: KubeconfigHolder): Promise<string> {
    const ca = await CertificateAuthority.load(this.#pki, 'ca');
    const folder = join(this.state.dir, 'kubeconfigs');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { server } = this;
    if ('serviceAccount' in holder) {
      const [namespace = '', name = ''] = holder.serviceAccount.split('/');
      const token = await this.#token(namespace, name);
      const user = `system:serviceaccount:${namespace}:${name}`;
      const text = kubeconfig({ server, ca: ca.cert, user, namespace, credentials: { token } });
      return written(join(folder, `${namespace}.${name}`), text);
    }
    const text = kubeconfig({ server, ca: ca.cert, user: holder.user, credentials: await ca.client(holder) });
    return written(join(folder, holder.user.replaceAll(/[^\w.-]/g, '-')), text);
  }

  /** Ends the API server alone: clients see refused connections. Everything else goes on. */
  async stopApiServer(): Promise<void> {
    await endProcess(this.#part('kube-apiserver').process, { graceMs });
  }

  /** After `stopApiServer`: on the same port, with the same data. Returns when it is ready. */
  async startApiServer(signal?: AbortSignal): Promise<void> {
    const old = this.#part('kube-apiserver');
    if (await isAlive(old.process)) return;
    const started = { ...old, process: await startProcess(old.process) };
    this.state = { ...this.state, parts: this.state.parts.map((part) => (part === old ? started : part)) };
    await this.untilReady(started, signal);
  }

  /** Ends every process of it, also of one that was started in part. Its files stay. */
  async stop(): Promise<void> {
    for (const { process } of [...this.state.parts].reverse()) await endProcess(process, { graceMs });
  }

  async partStatus(): Promise<PartStatus[]> {
    return Promise.all(
      this.state.parts.map(async (part) => {
        const { name, version, process } = part;
        if (!(await isAlive(process))) return { name, version, pid: undefined, health: 'has ended' };
        const health = await this.#health(part).catch((error: Error) => error.message);
        return { name, version, pid: process.pid, health };
      }),
    );
  }

  /** For `startApi`. */
  async untilReady(part: ApiPart, signal: AbortSignal | undefined): Promise<void> {
    await untilReady(part.process, async () => (await this.#health(part)) === 'ok', {
      deadlineMs: readyDeadlineMs,
      signal,
    });
  }

  /** For `startApi`: a healthy controller manager may not have begun yet. */
  async untilControllersWork(signal: AbortSignal | undefined): Promise<void> {
    const path = '/api/v1/namespaces/default/serviceaccounts/default';
    const probe = async () => (await this.#request(path)).status === 200;
    await untilReady(this.#part('kube-controller-manager').process, probe, { deadlineMs: readyDeadlineMs, signal });
  }

  /** For `startApi`. */
  async writeAdminKubeconfig(): Promise<void> {
    const [ca, credentials] = await Promise.all([readKeyPair(this.#pki, 'ca'), readKeyPair(this.#pki, 'admin')]);
    const text = kubeconfig({ server: this.server, ca: ca.cert, user: 'kubernetes-admin', credentials });
    await written(this.adminKubeconfig, text);
  }

  async #token(namespace: string, name: string): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const { status, text } = await this.#request(path, { spec: { expirationSeconds: tokenSeconds } });
    if (status === 404) throw new Error(`there is no ServiceAccount ${namespace}/${name}: apply it first`);
    if (status !== 201) throw new Error(`no token for ServiceAccount ${namespace}/${name}: HTTP ${status}`);
    return (JSON.parse(text) as { status: { token: string } }).status.token;
  }

  async #request(path: string, post?: object) {
    const [ca, client] = await Promise.all([readKeyPair(this.#pki, 'ca'), readKeyPair(this.#pki, 'admin')]);
    const body = post === undefined ? {} : ({ method: 'POST', body: post } as const);
    return apiRequest(`${this.server}${path}`, { ca: ca.cert, client, ...body });
  }

  /** `ok`, or what is wrong. */
  async #health({ healthUrl }: ApiPart): Promise<string> {
    const { cert: ca } = await readKeyPair(this.#pki, 'ca');
    const { status, text } = await apiRequest(healthUrl, { ca });
    return status === 200 ? 'ok' : `HTTP ${status}: ${text.trim().split('\n').at(-1)}`;
  }

  #part(name: ApiPartName): ApiPart {
    const part = this.state.parts.find((p) => p.name === name);
    if (part === undefined) throw new Error(`${name} was not started`);
    return part;
  }
}

async function written(file: string, text: string): Promise<string> {
  await writeFile(file, text, { mode: 0o600 });
  return file;
}
