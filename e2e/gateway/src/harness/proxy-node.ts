import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePorts } from '@tsgateway/cluster';
import { Informer, isNotFound, type KubeClient, type KubeObject, type Log, type Resource } from '@tsgateway/kube';
import { machineAddress } from './ports.ts';
import { Proxy } from './proxy.ts';
import { localArguments } from './proxy-bootstrap.ts';
import { until } from './until.ts';

interface Pod extends KubeObject {
  spec: { containers: { name: string; args?: string[] }[] };
}

interface Service extends KubeObject {
  spec: { type?: string };
  status?: { loadBalancer?: { ingress?: { ip?: string }[] } };
}

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

interface Secret extends KubeObject {
  data?: Record<string, string>;
}

const core = { group: '', version: 'v1', namespaced: true } as const;
const pods: Resource<Pod> = { ...core, plural: 'pods', kind: 'Pod' };
const services: Resource<Service> = { ...core, plural: 'services', kind: 'Service' };
const configMaps: Resource<ConfigMap> = { ...core, plural: 'configmaps', kind: 'ConfigMap' };
export const secrets: Resource<Secret> = { ...core, plural: 'secrets', kind: 'Secret' };

const ownedByEnvoyGateway = 'app.kubernetes.io/managed-by=envoy-gateway,app.kubernetes.io/name=envoy';
const gatewayLabels = {
  namespace: 'gateway.envoyproxy.io/owning-gateway-namespace',
  name: 'gateway.envoyproxy.io/owning-gateway-name',
};
const startDeadlineMs = 20_000;
const drainMs = 5_000;

export interface ProxyNodeOptions {
  readonly client: KubeClient;
  /** Where Envoy Gateway makes its proxies. */
  readonly namespace: string;
  readonly envoy: string;
  readonly workDir: string;
  readonly log: Log;
}

/**
 * The node of the proxies, as far as they notice: each pod that Envoy Gateway's Deployments ask for is an Envoy on this
 * machine, started as the pod says and ended when the pod is deleted, and its readiness and address are reported. So
 * Gateways become Programmed, and a changed bootstrap rolls out as in a cluster. Two Envoys of a Gateway share its
 * ports, as the kernel spreads new connections over them.
 */
export class ProxyNode {
  readonly #options: ProxyNodeOptions;
  readonly #proxies = new Map<string, { gateway: string; proxy: Proxy }>();
  readonly #stopped = new AbortController();
  readonly #work = new Set<Promise<void>>();
  /** Names of pods that are gone: no pod gets one of them again. */
  readonly #deleted = new Set<string>();
  #watches: Promise<unknown> = Promise.resolve();
  /** What went wrong with a pod: told to whoever waits for its Gateway. */
  #failure: Error | undefined;

  constructor(options: ProxyNodeOptions) {
    this.#options = options;
  }

  start(): void {
    const { client, namespace, log } = this.#options;
    const shared = { client, namespace, labelSelector: ownedByEnvoyGateway, log };
    const podInformer = new Informer({ ...shared, resource: pods });
    podInformer.store.subscribe({
      add: (pod) => this.#do(() => this.#run(pod)),
      delete: (pod) => this.#do(() => this.#end(pod)),
    });
    const serviceInformer = new Informer({ ...shared, resource: services });
    serviceInformer.store.subscribe({ add: (service) => this.#do(() => this.#giveAddress(service)) });
    this.#watches = Promise.all([podInformer, serviceInformer].map((i) => i.run(this.#stopped.signal)));
  }

  /** The proxies of a Gateway (`namespace/name`) that run, oldest first. */
  proxies(gateway: string): Proxy[] {
    return [...this.#proxies.values()].filter((p) => p.gateway === gateway).map((p) => p.proxy);
  }

  /** A proxy of a Gateway that is ready and has this static cluster: a new bootstrap comes with a new proxy. */
  async proxyWith(cluster: string, gateway: string): Promise<Proxy> {
    const found = await until(
      async () => {
        if (this.#failure) return this.#failure;
        for (const proxy of this.proxies(gateway)) {
          const clusters = await proxy.clusters().catch(() => undefined); // it may not be up yet
          if (clusters?.has(cluster)) return proxy;
        }
        return undefined;
      },
      { what: `Envoy Gateway makes a proxy for ${gateway} that has ${cluster}`, deadlineMs: startDeadlineMs },
    );
    if (found instanceof Error) throw found;
    await found.ready();
    return found;
  }

  /** Ends all of them. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#watches;
    const killAll = () => Promise.all([...this.#proxies.values()].map(({ proxy }) => proxy.kill()));
    await killAll(); // also those whose start is waited for
    await Promise.all(this.#work);
    await killAll();
  }

  #do(what: () => Promise<void>): void {
    const work = what().catch((error: unknown) => {
      if (this.#stopped.signal.aborted) return;
      this.#failure = error as Error;
      this.#options.log.error({ err: error }, 'a proxy');
    });
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  async #run(pod: Pod): Promise<void> {
    const { envoy, workDir } = this.#options;
    const { name, labels = {} } = pod.metadata;
    const args = pod.spec.containers.find((c) => c.name === 'envoy')?.args ?? [];
    const dir = join(workDir, name);
    const sdsDir = join(dir, 'sds');
    await this.#mountSecrets({ dir, sdsDir, deployment: name.split('-').slice(0, -2).join('-') });
    const [adminPort = 0, statsPort = 0] = await freePorts(2);
    const proxy = new Proxy({
      name,
      command: [envoy, ...localArguments(args, { podName: name, adminPort, statsPort, sdsDir })],
      logFile: join(workDir, `${name}.log`),
      adminPort,
    });
    const gateway = `${labels[gatewayLabels.namespace]}/${labels[gatewayLabels.name]}`;
    // A pod has its address before its processes start; Envoy Gateway tells each proxy the addresses of all.
    const ip = machineAddress();
    await this.#report(pod, { phase: 'Pending', podIP: ip, podIPs: [{ ip }] });
    await proxy.spawn();
    this.#proxies.set(name, { gateway, proxy });
    const started = await proxy.ready().catch((error: unknown) => error);
    if (this.#deleted.has(name)) {
      this.#proxies.delete(name);
      return proxy.kill(); // a newer one took its place meanwhile
    }
    if (started !== undefined) throw started;
    const lastTransitionTime = new Date().toISOString();
    await this.#report(pod, { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }] });
  }

  async #report({ metadata: { namespace, name } }: Pod, status: object): Promise<void> {
    try {
      await this.#options.client.patch(
        pods,
        { namespace, name },
        { type: 'merge', subresource: 'status', body: { status } },
      );
    } catch (error) {
      if (!isNotFound(error)) throw error; // the pod was deleted meanwhile
    }
  }

  /** The pod's volumes: the certificates by which Envoy and Envoy Gateway know each other. */
  async #mountSecrets({ dir, sdsDir, deployment }: { dir: string; sdsDir: string; deployment: string }): Promise<void> {
    const { client, namespace } = this.#options;
    const certs = join(dir, 'certs');
    await Promise.all([certs, sdsDir].map((folder) => mkdir(folder, { recursive: true })));
    const secret = await client.get(secrets, { namespace, name: 'envoy' });
    const sds = await client.get(configMaps, { namespace, name: deployment });
    await Promise.all([
      ...Object.entries(secret.data ?? {}).map(([key, value]) =>
        writeFile(join(certs, key), Buffer.from(value, 'base64'), { mode: 0o600 }),
      ),
      ...Object.entries(sds.data ?? {}).map(([key, value]) =>
        writeFile(join(sdsDir, key), value.replaceAll('"/certs/', `"${certs}/`)),
      ),
    ]);
  }

  /** As a pod's end: no new connections, those that are idle end, then it stops. */
  async #end(pod: Pod): Promise<void> {
    const { name } = pod.metadata;
    this.#deleted.add(name);
    const { proxy } = this.#proxies.get(name) ?? {};
    if (!proxy) return;
    this.#proxies.delete(name);
    if (await this.#serves(proxy)) {
      await proxy.admin('/drain_listeners?graceful&skip_exit', 'POST');
      await until(async () => (await proxy.stat(/http\.http-.*\.downstream_cx_active/)) === 0, {
        what: `${proxy.name} drains`,
        deadlineMs: drainMs,
      }).catch(() => undefined); // what holds a connection for longer is cut, as in a cluster
    }
    await proxy.kill();
  }

  async #serves(proxy: Proxy): Promise<boolean> {
    return proxy.admin('/ready').then(
      () => true,
      () => false,
    );
  }

  async #giveAddress(service: Service): Promise<void> {
    if (service.spec.type !== 'LoadBalancer') return;
    const { namespace, name } = service.metadata;
    const status = { loadBalancer: { ingress: [{ ip: '127.0.0.1' }] } };
    await this.#options.client.patch(
      services,
      { namespace, name },
      { type: 'merge', subresource: 'status', body: { status } },
    );
  }
}
