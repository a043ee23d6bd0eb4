import { join } from 'node:path';
import type { Log } from '@tsgateway/kube';
import { KubeClient } from '@tsgateway/kube';
import type { BackendStats, DataPlane } from './data-plane.ts';
import { startEnvoy } from './envoy/envoy-data-plane.ts';
import { findEnvoy } from './envoy/find-envoy.ts';
import { ExtensionHooks } from './hooks/extension-hooks.ts';
import { KubeSource } from './kube/kube-source.ts';
import { StatusReporter } from './kube/status-reporter.ts';
import { startNodePlane } from './node-plane/node-data-plane.ts';
import { TranslationLoop } from './translation-loop.ts';
import type { Translation } from './translate.ts';
import { translate } from './translate.ts';

export type DataPlaneChoice = 'envoy' | 'node' | 'auto';

export interface GatewayOptions {
  readonly kube: { readonly kubeconfigPath: string };
  /** `host:port` of the extension server's hooks. */
  readonly extensionServer: string;
  /** `host:port` of its EDS. */
  readonly eds: string;
  /** `auto`: Envoy where one is to be had, else Node. */
  readonly dataPlane: DataPlaneChoice;
  /** The host port of the first HTTP listener; undefined: the listener's, privileged ones 10,000 higher. */
  readonly gatewayPort?: number | undefined;
  /** Where Envoy's files go. */
  readonly workDir: string;
  readonly log: Log;
  /** Told, in one line, of steps that take a while. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

export interface RunningGateway {
  /** What serves, and why that. */
  readonly dataPlane: { readonly kind: 'envoy' | 'node'; readonly detail: string };
  /** The listeners that serve now, by Envoy Gateway's names, and their `host:port`. */
  readonly listeners: readonly { readonly name: string; readonly address: string }[];
  /**
   * Resolves when what the API server had at the start is served.
   * @throws Error where the data plane cannot be started, or the gateway was closed before.
   */
  ready(): Promise<void>;
  stats(): Promise<BackendStats[]>;
  /** Stops watching, then serving; requests in flight get a few seconds. */
  close(): Promise<void>;
}

/** All on one machine: loopback only. */
const ADDRESS = '127.0.0.1';

/**
 * Envoy Gateway's role on one machine: watches Gateway API resources, translates them, asks the extension server, and serves the result
 * through Envoy or through Node.
 *
 * @throws Error where there is no usable kubeconfig, or Envoy is asked for and not to be had.
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { log } = options;
  const chosen = await chooseDataPlane(options);
  const client = KubeClient.connect({
    kubeconfigPath: options.kube.kubeconfigPath,
    userAgent: 'tailscale-gateway-embedded-gateway',
  });
  const hooks = new ExtensionHooks(options.extensionServer);
  const stop = new AbortController();
  let plane: Promise<DataPlane> | undefined;
  let listeners: Translation['bound'] = [];

  const loop: TranslationLoop = new TranslationLoop({
    translate: () => {
      const resources = source.read();
      return resources && translate(resources, { address: ADDRESS, gatewayPort: options.gatewayPort });
    },
    hooks,
    publish: async (snapshot, t) => {
      // With the first snapshot, as the data plane goes by the Gateway's name.
      plane ??= chosen.start(t.gateway ?? '');
      const started = await plane.catch((error: unknown) => {
        plane = undefined;
        throw error;
      });
      await started.apply(snapshot);
      listeners = t.bound;
    },
    report: (statuses) => reporter.report(statuses),
    log,
    random: Math.random,
  });
  const source = new KubeSource({ client, log, onChange: () => loop.trigger() });
  const reporter = new StatusReporter({ client, source, log });

  const running = [source.run(stop.signal), reporter.run(stop.signal), loop.run(stop.signal)];

  return {
    dataPlane: { kind: chosen.kind, detail: chosen.detail },
    get listeners() {
      return listeners;
    },
    ready: () => loop.served,
    stats: async () => (plane ? await (await plane).stats() : []),
    close: async () => {
      stop.abort();
      await Promise.all(running);
      hooks.close();
      await plane?.then((p) => p.close()).catch(() => undefined);
      await client.close();
    },
  };
}

interface ChosenPlane {
  readonly kind: 'envoy' | 'node';
  readonly detail: string;
  start(gateway: string): Promise<DataPlane>;
}

async function chooseDataPlane(options: GatewayOptions): Promise<ChosenPlane> {
  const node = (detail: string): ChosenPlane => ({
    kind: 'node',
    detail,
    start: (gateway) => startNodePlane({ gateway, eds: options.eds, log: options.log }),
  });
  if (options.dataPlane === 'node') return node(`Node ${process.versions.node}, as asked for`);
  const found = await findEnvoy({ env: process.env, onProgress: options.onProgress });
  if ('reason' in found) {
    if (options.dataPlane === 'auto') return node(`Node ${process.versions.node}, as ${found.reason}`);
    throw new Error(
      `There is no Envoy: ${found.reason}. Put envoy on the PATH, or choose the data plane "node" or "auto".`,
    );
  }
  return {
    kind: 'envoy',
    detail: found.detail,
    start: (gateway) =>
      startEnvoy({
        binary: found.binary,
        workDir: join(options.workDir, 'envoy'),
        gateway,
        eds: options.eds,
        log: options.log,
      }),
  };
}
