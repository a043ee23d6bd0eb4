import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ApiPart, type ApiPartName, partHealth } from './api-part.ts';
import { apiRequest } from './api-request.ts';
import type { ControlPlane } from './control-plane-args.ts';
import { kubeconfig } from './kubeconfig.ts';
import type { PartStatus } from './level.ts';
import { CertificateAuthority, readKeyPair, type Subject } from './pki.ts';
import { endProcess, isAlive, startProcess, untilReady } from './process.ts';

/** Plain data, enough for another process to use the control plane, and to stop it. */
export interface ApiState extends ControlPlane {
  /** In the order in which they were started. */
  readonly parts: readonly ApiPart[];
}

/** Who a kubeconfig is for: a service account that exists, as `NAMESPACE/NAME`, or any user by certificate. */
export type KubeconfigHolder = { readonly serviceAccount: string } | Subject;

const readyDeadlineMs = 60_000;
const graceMs = 3000;
const tokenSeconds = 24 * 60 * 60;

/** A control plane that runs. Made by `startApi`; or from its state, by another process. */
export class ApiCluster {
  #state: ApiState;

  constructor(state: ApiState) {
    this.#state = state;
  }

  /** `https://127.0.0.1:PORT` */
  get server(): string {
    return `https://127.0.0.1:${this.#state.ports.apiServer}`;
  }

  /** Path of a kubeconfig that may do everything. */
  get adminKubeconfig(): string {
    return join(this.#state.dir, 'kubeconfig');
  }

  /** Path of the certificate that the API server's is signed by. */
  get caFile(): string {
    return join(this.#pki, 'ca.crt');
  }

  /** Path of the audit log: one JSON event a line, at metadata level. */
  get auditLog(): string {
    return join(this.#state.dir, 'audit.log');
  }

  get #pki(): string {
    return join(this.#state.dir, 'pki');
  }

  /**
   * Writes a kubeconfig for somebody, valid for a day at least. What they may do is up to RBAC.
   * @returns its path
   * @throws Error when the service account does not exist
   */
  async kubeconfigFor(holder: KubeconfigHolder): Promise<string> {
    const ca = await CertificateAuthority.load(this.#pki, 'ca');
    const folder = join(this.#state.dir, 'kubeconfigs');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { server } = this;
    let file: string;
    let text: string;
    if ('serviceAccount' in holder) {
      const [namespace = '', name = ''] = holder.serviceAccount.split('/');
      const token = await this.#token(namespace, name);
      const user = `system:serviceaccount:${namespace}:${name}`;
      file = join(folder, `${namespace}.${name}`);
      text = kubeconfig({ server, ca: ca.cert, user, namespace, credentials: { token } });
    } else {
      file = join(folder, holder.user.replaceAll(/[^\w.-]/g, '-'));
      text = kubeconfig({ server, ca: ca.cert, user: holder.user, credentials: await ca.client(holder) });
    }
    await writeFile(file, text, { mode: 0o600 });
    return file;
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
    this.#state = { ...this.#state, parts: this.#state.parts.map((part) => (part === old ? started : part)) };
    await this.untilReady('kube-apiserver', signal);
  }

  /** Ends every process of it, also of one that was started in part. Its files stay. */
  async stop(): Promise<void> {
    for (const { process } of [...this.#state.parts].reverse()) await endProcess(process, { graceMs });
  }

  /** Each process of it, and how it is. */
  async status(): Promise<PartStatus[]> {
    const { cert: ca } = await readKeyPair(this.#pki, 'ca');
    return Promise.all(
      this.#state.parts.map(async (part) => {
        const { name, version, process } = part;
        if (!(await isAlive(process))) return { name, version, pid: undefined, health: 'has ended' };
        const health = await partHealth(part, ca).catch((error: Error) => error.message);
        return { name, version, pid: process.pid, health };
      }),
    );
  }

  /** @throws Error with the end of its log when a part does not get ready within a minute */
  async untilReady(name: ApiPartName, signal?: AbortSignal): Promise<void> {
    const part = this.#part(name);
    const { cert: ca } = await readKeyPair(this.#pki, 'ca');
    const isReady = async () => {
      if ((await partHealth(part, ca)) !== 'ok') return false;
      // A healthy controller manager may not have begun yet: it has when it has made what every pod needs.
      return name !== 'kube-controller-manager' || (await this.#hasServiceAccount('default', 'default'));
    };
    await untilReady(part.process, isReady, { deadlineMs: readyDeadlineMs, signal });
  }

  async #hasServiceAccount(namespace: string, name: string): Promise<boolean> {
    return (await this.#request(`/api/v1/namespaces/${namespace}/serviceaccounts/${name}`)).status === 200;
  }

  async #token(namespace: string, name: string): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const { status, text } = await this.#request(path, { spec: { expirationSeconds: tokenSeconds } });
    if (status === 404) throw new Error(`there is no ServiceAccount ${namespace}/${name}: apply it first`);
    if (status !== 201) throw new Error(`no token for ServiceAccount ${namespace}/${name}: HTTP ${status}`);
    return (JSON.parse(text) as { status: { token: string } }).status.token;
  }

  /** As admin; a POST when there is a body. */
  async #request(path: string, body?: object) {
    const [ca, client] = await Promise.all([readKeyPair(this.#pki, 'ca'), readKeyPair(this.#pki, 'admin')]);
    return apiRequest(`${this.server}${path}`, { ca: ca.cert, client, body });
  }

  #part(name: ApiPartName): ApiPart {
    const part = this.#state.parts.find((p) => p.name === name);
    if (part === undefined) throw new Error(`${name} was not started`);
    return part;
  }
}
