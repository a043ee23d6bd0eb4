import { writeSync } from 'node:fs';

import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { z } from 'zod';

import { parseBindAddress } from './bind-address.ts';
import type { CommonEnv } from './common-env.ts';
import { ConfigError } from './config-error.ts';
import { parseEnv } from './env.ts';
import { metricsServer, probeServer } from './http-endpoints.ts';
import { createLogger } from './logger.ts';
import type { Logger } from './logger.ts';
import { ReadinessGates } from './readiness.ts';
import type { Readiness } from './readiness.ts';
import { redactText } from './redact.ts';
import { StopSequence } from './stop-sequence.ts';
import { version } from './version.ts';

/** What a service is given to build itself from. */
export interface ServiceContext<E> {
  readonly env: E & CommonEnv;
  readonly log: Logger;
  /** Served at /metrics; holds the metrics of process and runtime. */
  readonly metrics: Registry;
  /** Aborted when shutdown begins. */
  readonly signal: AbortSignal;
  readonly ready: Readiness;
  /** Registers what shutdown must stop, right after starting it: the newest is stopped first. */
  onStop(name: string, stop: () => Promise<void> | void): void;
}

export interface ServiceDefinition<S extends z.ZodObject> {
  readonly name: string;
  /** The service's own environment variables. */
  readonly env: S;
  /** Builds and starts the service. It is up once this resolves. */
  start(context: ServiceContext<z.output<S>>): Promise<void>;
}

/** One hanging part cannot use up the time of the others; Kubernetes kills after 30 s. */
const stepDeadlineMs = 8_000;
const shutdownDeadlineMs = 25_000;

/**
 * Runs a service until SIGTERM or SIGINT, and is the whole life of the process: it reads the environment, opens
 * /metrics, /healthz and /readyz, calls `start`, and ends the process.
 *
 * Exit codes: 0 after a shutdown (also if a part had to be given up on: that is logged), 1 if the configuration is bad,
 * a port is taken or `start` fails (one line on stderr), on an uncaught error, and on a second signal or a shutdown
 * that takes longer than 25 s.
 */
export async function runService<S extends z.ZodObject>(definition: ServiceDefinition<S>): Promise<void> {
  const { name } = definition;
  process.stdout.on('error', () => undefined);
  let log: Logger | undefined;
  try {
    const env = parseEnv(definition.env, process.env);
    log = createLogger({
      name,
      level: env.LOG_LEVEL,
      format: env.LOG_FORMAT,
      fields: { component: 'tailscale-gateway', version, cluster: env.CLUSTER_NAME },
      sampling: { debug: env.LOG_SAMPLING_DEBUG },
      write: writeStdout,
    });
    await run(definition, { env, log });
  } catch (err) {
    if (!(err instanceof ConfigError)) log?.error({ err }, 'The service did not start');
    writeSync(2, `${name}: ${oneLine(err)}\n`);
    process.exit(1);
  }
}

async function run<S extends z.ZodObject>(
  definition: ServiceDefinition<S>,
  { env, log }: { env: z.output<S> & CommonEnv; log: Logger },
): Promise<void> {
  const { name } = definition;
  const gates = new ReadinessGates();
  const setLifecycle = gates.add('lifecycle');
  setLifecycle(false, 'starting');
  const stops = new StopSequence();
  const stopping = new AbortController();
  const metrics = serviceMetrics(name);

  endOnCrash(log);
  const stop = async (reason: string): Promise<void> => {
    setLifecycle(false, `stopping: ${reason}`);
    stopping.abort(new Error(`${name} is stopping: ${reason}`));
    await stops.run(stepDeadlineMs, log);
  };
  endOnSignal(log, stop);

  log.info({ node: process.version, pid: process.pid, pod: env.POD_NAME }, `Starting ${name}`);
  // Probes and metrics first, so that a slow start can be looked at; stopped last, for the same reason.
  const listen = async (variable: 'METRICS_BIND_ADDRESS' | 'HEALTH_PROBE_BIND_ADDRESS', app: FastifyInstance) => {
    const address = parseBindAddress(env[variable], env.BIND_HOST);
    if (!address) return;
    await app.listen(address).catch((err: unknown) => {
      throw new ConfigError(`cannot listen on ${env[variable]}; change ${variable} (${oneLine(err)})`, { cause: err });
    });
    stops.add(variable, () => app.close());
    const addresses = app.addresses().map((a) => (typeof a === 'string' ? a : `${a.address}:${a.port}`));
    log.info({ addresses }, `Listening (${variable})`);
  };
  await listen('METRICS_BIND_ADDRESS', metricsServer(metrics));
  await listen('HEALTH_PROBE_BIND_ADDRESS', probeServer(gates));

  await definition.start({
    env,
    log,
    metrics,
    signal: stopping.signal,
    ready: gates,
    onStop: (part, stop) => stops.add(part, stop),
  });
  if (stopping.signal.aborted) return;
  setLifecycle(true, 'running');
  log.info({}, `Started ${name}`);
}

function serviceMetrics(name: string): Registry {
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  new Gauge({
    name: 'tsgateway_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['service', 'version', 'node'],
    registers: [metrics],
  }).set({ service: name, version, node: process.version }, 1);
  return metrics;
}

function endOnCrash(log: Logger): void {
  const crash = (what: string) => (err: unknown) => {
    log.error({ err }, `${what}: the process ends`);
    process.exit(1);
  };
  process.on('uncaughtException', crash('Uncaught error'));
  process.on('unhandledRejection', crash('Unhandled rejection'));
}

function endOnSignal(log: Logger, stop: (reason: string) => Promise<void>): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) {
      log.error({ signal }, 'Second signal: the process ends now');
      process.exit(1);
    }
    stopping = true;
    log.info({ signal }, 'Stopping');
    setTimeout(() => {
      log.error({ deadlineMs: shutdownDeadlineMs }, 'Shutdown took too long: the process ends now');
      process.exit(1);
    }, shutdownDeadlineMs);
    void stop(signal).then(() => {
      log.info({}, 'Stopped');
      process.exit(0);
    });
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/** Pipes and files are written synchronously by Node, so no line is lost at exit. A reader that is gone is ignored. */
function writeStdout(line: string): void {
  process.stdout.write(line);
}

const oneLine = (err: unknown): string =>
  redactText(err instanceof Error ? err.message : String(err)).replaceAll(/\s*\n\s*/g, ' ');
