import { Server, ServerCredentials, setLogger } from '@grpc/grpc-js';
import type { ServerInterceptor, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Logger } from '@tsgateway/process';
import { descriptorSet } from '@tsgateway/protos/descriptors';
import { HealthService as HealthDefinition } from '@tsgateway/protos/grpc/health/v1/health';
import { ServerReflectionService } from '@tsgateway/protos/grpc/reflection/v1/reflection';
import type { Registry } from 'prom-client';

import { CallObserver } from './call-observer.ts';
import { ConnectionAges } from './connection-ages.ts';
import { HealthService } from './health-service.ts';
import { widenReceiveWindow } from './receive-window.ts';
import { reflectionService, reflectionV1Alpha } from './reflection-service.ts';
import { serverMetrics } from './server-metrics.ts';

export interface RpcServer {
  /** Adds a service, as serving. Before `listen`. */
  add(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void;
  /** What `grpc.health.v1` says of a service (full name); '' = the server as a whole, serving from `listen` on. */
  setServing(service: string, serving: boolean): void;
  /**
   * Adds health and reflection, and listens; resolves to the bound port.
   * @throws Error that names the address, if it cannot be bound.
   */
  listen(address: string): Promise<number>;
  /**
   * Reports NOT_SERVING, ends open streams with UNAVAILABLE, lets running calls finish, and cuts what is left
   * after 5 s. Safe to call twice.
   */
  close(): Promise<void>;
}

export interface RpcServerOptions {
  readonly log: Logger;
  readonly metrics: Registry;
  /** Limit of a message received; larger ones are answered RESOURCE_EXHAUSTED. 100 MiB unless told. */
  readonly maxMessageBytes?: number;
  /** Limit of a message sent; none unless told. */
  readonly maxSendBytes?: number | undefined;
  /** What a client may send before it hears from the server; 64 KiB unless told. For servers of large messages. */
  readonly receiveWindowBytes?: number | undefined;
  /** Plain text unless told; `serverTls` makes some that follow their files. */
  readonly credentials?: ServerCredentials | undefined;
  readonly connections?: ConnectionLimits;
  /** Called for every call, after its metrics. */
  readonly interceptors?: readonly ServerInterceptor[];
}

/** How long connections live; see `connectionDefaults`. */
export interface ConnectionLimits {
  /** A connection is pinged this often, and cut where no answer comes for `keepaliveTimeoutMs`. */
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  /** One without calls is closed after this long. */
  readonly maxIdleMs: number;
  /** One that is older is asked to leave, give or take 10 %; its streams end over the 30 s that follow. */
  readonly maxAgeMs: number;
}

/** 30 s / 5 s, 5 minutes, 30 minutes. */
export const connectionDefaults: ConnectionLimits = {
  keepaliveTimeMs: 30_000,
  keepaliveTimeoutMs: 5_000,
  maxIdleMs: 300_000,
  maxAgeMs: 1_800_000,
};

const closeDeadlineMs = 5_000;
const ageGraceMs = 30_000;

/** A gRPC server with health, reflection, metrics, keepalive and an orderly end. */
export function createRpcServer(options: RpcServerOptions): RpcServer {
  const { log } = options;
  logInsteadOfConsole(log.child('grpc-js'));
  const limits = options.connections ?? connectionDefaults;
  const ages = new ConnectionAges({ maxAgeMs: limits.maxAgeMs, graceMs: Math.min(ageGraceMs, limits.maxAgeMs) });
  const observer = new CallObserver(serverMetrics(options.metrics), ages);
  const health = new HealthService();
  const services: string[] = [];
  const server = new Server({
    interceptors: [observer.interceptor, ...(options.interceptors ?? [])],
    'grpc.max_receive_message_length': options.maxMessageBytes ?? 100 * 1024 * 1024,
    'grpc.max_send_message_length': options.maxSendBytes ?? -1,
    'grpc.keepalive_time_ms': limits.keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.max_connection_idle_ms': limits.maxIdleMs,
    'grpc.max_connection_age_ms': limits.maxAgeMs,
    'grpc.max_connection_age_grace_ms': ages.cutAfterMs,
  });

  const add: RpcServer['add'] = (definition, implementation) => {
    const name = Object.values(definition)[0]?.path.split('/')[1];
    if (name === undefined) throw new Error('a service without methods cannot be added');
    server.addService(definition, implementation);
    services.push(name);
    health.set(name, true);
  };

  let closing: Promise<void> | undefined;
  let narrow: () => void = () => undefined;
  return {
    add,
    setServing: (service, serving) => health.set(service, serving),

    async listen(address) {
      add(HealthDefinition, health.implementation);
      const reflection = reflectionService({ descriptorSet, services: () => services });
      add(ServerReflectionService, reflection);
      server.addService(reflectionV1Alpha, reflection);
      const port = await new Promise<number>((resolve, reject) => {
        server.bindAsync(address, options.credentials ?? ServerCredentials.createInsecure(), (error, bound) => {
          if (error) reject(new Error(`cannot serve gRPC on ${address}: ${error.message}`, { cause: error }));
          else resolve(bound);
        });
      });
      if (options.receiveWindowBytes !== undefined) {
        narrow = widenReceiveWindow({ port, bytes: options.receiveWindowBytes });
      }
      health.set('', true);
      log.info({ address, port, services, tls: options.credentials !== undefined }, 'Serving gRPC');
      return port;
    },

    close: () => (closing ??= closeGracefully()),
  };

  async function closeGracefully(): Promise<void> {
    narrow();
    health.stopServing();
    // One turn for the readers of health to be told before their streams end.
    await new Promise(setImmediate);
    observer.endStreams('the server is shutting down');
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => {
        log.warn({ afterMs: closeDeadlineMs }, 'Calls are still running: cutting them');
        server.forceShutdown();
        resolve();
      }, closeDeadlineMs);
      server.tryShutdown(() => {
        clearTimeout(force);
        resolve();
      });
    });
  }
}

/** grpc-js has one logger for the process, and by default prints to the console what would not parse as a log line. */
function logInsteadOfConsole(log: Logger): void {
  const at =
    (level: 'warn' | 'debug') =>
    (...parts: unknown[]): void =>
      log[level]({}, parts.join(' '));
  setLogger({ error: at('warn'), info: at('debug'), debug: at('debug') });
}
