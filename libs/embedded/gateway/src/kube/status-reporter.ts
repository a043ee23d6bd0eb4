import { setTimeout as delay } from 'node:timers/promises';
import type { GenericObject, KubeClient, Log, Resource } from '@tsgateway/kube';
import { isNotFound, StatusWriter } from '@tsgateway/kube';
import type { Statuses } from '../status.ts';
import type { KubeSource } from './kube-source.ts';
import { GATEWAY, GATEWAY_CLASS, GATEWAY_SYNC, HTTP_ROUTE } from './kube-source.ts';
import { mergeGateway, mergeGatewayClass, mergePolicy, mergeRoute } from './merge-status.ts';

const FIELD_MANAGER = 'tailscale-gateway-embedded-gateway';
const RETRY_MS = 1_000;

interface Wanted {
  readonly resource: Resource;
  readonly key: string;
  readonly merge: (stored: unknown, now: string) => object;
}

/** Brings wanted statuses to the API server, the newest only, where they differ. */
export class StatusReporter {
  readonly #source: Pick<KubeSource, 'get'>;
  readonly #log: Log;
  readonly #writers: ReadonlyMap<Resource, StatusWriter<GenericObject>>;
  #wanted: Statuses | undefined;
  #changed = Promise.withResolvers<undefined>();

  constructor(options: { client: KubeClient; source: Pick<KubeSource, 'get'>; log: Log }) {
    this.#source = options.source;
    this.#log = options.log;
    const { client } = options;
    this.#writers = new Map(
      [GATEWAY_CLASS, GATEWAY, HTTP_ROUTE, GATEWAY_SYNC].map((resource) => [
        resource,
        new StatusWriter({ client, resource, fieldManager: FIELD_MANAGER }),
      ]),
    );
  }

  report(statuses: Statuses): void {
    this.#wanted = statuses;
    this.#changed.resolve(undefined);
  }

  /** Writes until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    while (!signal.aborted) {
      await Promise.race([this.#changed.promise, aborted]);
      this.#changed = Promise.withResolvers<undefined>();
      const statuses = this.#wanted;
      if (signal.aborted || !statuses) continue;
      try {
        for (const wanted of flatten(statuses)) await this.#write(wanted, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#log.warn({ error: String(error) }, 'statuses could not be written');
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
        this.#changed.resolve(undefined);
      }
    }
  }

  async #write({ resource, key, merge }: Wanted, signal: AbortSignal): Promise<void> {
    const writer = this.#writers.get(resource);
    const cached = this.#source.get(resource, key);
    if (!writer || !cached) return;
    const object = writer.newest(cached);
    const status = merge(object.status, new Date().toISOString().replace(/\.\d+Z$/, 'Z'));
    await writer.applyIfChanged(object, status, { signal }).catch((error: unknown) => {
      // Deleted meanwhile.
      if (!isNotFound(error)) throw error;
      writer.forget(key);
    });
  }
}

function flatten(statuses: Statuses): Wanted[] {
  return [
    ...statuses.gatewayClasses.map((s) => ({
      resource: GATEWAY_CLASS,
      key: s.name,
      merge: (stored: unknown, now: string) => mergeGatewayClass(stored, s, now),
    })),
    ...statuses.gateways.map((s) => ({
      resource: GATEWAY,
      key: s.key,
      merge: (stored: unknown, now: string) => mergeGateway(stored, s, now),
    })),
    ...statuses.httpRoutes.map((s) => ({
      resource: HTTP_ROUTE,
      key: s.key,
      merge: (stored: unknown, now: string) => mergeRoute(stored, s, now),
    })),
    ...statuses.policies.map((s) => ({
      resource: GATEWAY_SYNC,
      key: s.key,
      merge: (stored: unknown, now: string) => mergePolicy(stored, s, now),
    })),
  ];
}
