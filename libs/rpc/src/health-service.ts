import { status } from '@grpc/grpc-js';
import type { ServerWritableStream, ServiceError } from '@grpc/grpc-js';
import {
  type HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
  type HealthServer,
} from '@tsgateway/protos/grpc/health/v1/health';

import { LatestPerKey } from './latest-per-key.ts';

/** A client that watches everything it can think of is no reason to grow without end. */
const maxWatchers = 10_000;

/** State and implementation of `grpc.health.v1.Health`. */
export class HealthService {
  readonly #statuses = new Map<string, ServingStatus>();
  readonly #watchers = new Map<string, Set<LatestPerKey<ServingStatus, HealthCheckResponse>>>();
  #watcherCount = 0;

  set(service: string, serving: boolean): void {
    const now = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    if (this.#statuses.get(service) === now) return;
    this.#statuses.set(service, now);
    for (const watcher of this.#watchers.get(service) ?? []) watcher.set(service, now);
  }

  /** Every service, and the server as a whole, is not serving. */
  stopServing(): void {
    for (const service of this.#statuses.keys()) this.set(service, false);
  }

  get implementation(): HealthServer {
    return {
      check: (call, callback) => {
        const known = this.#statuses.get(call.request.service);
        if (known !== undefined) callback(null, HealthCheckResponse.fromPartial({ status: known }));
        else callback(problem(status.NOT_FOUND, `unknown service "${call.request.service}"`));
      },
      list: (_call, callback) => {
        const statuses = Object.fromEntries([...this.#statuses].map(([name, known]) => [name, { status: known }]));
        callback(null, { statuses });
      },
      watch: (call) => this.#watch(call),
    };
  }

  #watch(call: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>): void {
    const { service } = call.request;
    if (this.#watcherCount >= maxWatchers) {
      call.emit('error', problem(status.RESOURCE_EXHAUSTED, `more than ${maxWatchers} watches of health`));
      return;
    }
    const watcher = new LatestPerKey<ServingStatus, HealthCheckResponse>({
      stream: call,
      toMessage: (changes) =>
        HealthCheckResponse.fromPartial({ status: changes.get(service) ?? ServingStatus.SERVICE_UNKNOWN }),
    });
    const watchers = this.#watchers.get(service) ?? new Set();
    this.#watchers.set(service, watchers.add(watcher));
    this.#watcherCount++;
    call.once('close', () => this.#unwatch(service, watcher));
    call.once('cancelled', () => this.#unwatch(service, watcher));
    watcher.set(service, this.#statuses.get(service) ?? ServingStatus.SERVICE_UNKNOWN);
  }

  #unwatch(service: string, watcher: LatestPerKey<ServingStatus, HealthCheckResponse>): void {
    const watchers = this.#watchers.get(service);
    if (!watchers?.delete(watcher)) return;
    this.#watcherCount--;
    if (watchers.size === 0) this.#watchers.delete(service);
  }
}

const problem = (code: status, details: string): Partial<ServiceError> & Error =>
  Object.assign(new Error(details), { code, details });
