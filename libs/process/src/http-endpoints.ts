import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';

import type { Gate, ReadinessGates } from './readiness.ts';

const serverOptions = { forceCloseConnections: true, requestTimeout: 10_000 } as const;

/** A server of `/metrics` in the Prometheus text format. */
export function metricsServer(metrics: Registry): FastifyInstance {
  const app = fastify(serverOptions);
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));
  return app;
}

/**
 * A server of `/healthz` (200 as long as the event loop turns) and `/readyz` (200 only while all gates are open).
 * `?verbose` lists the gates; a `/readyz` that fails always does.
 */
export function probeServer(gates: ReadinessGates): FastifyInstance {
  const app = fastify(serverOptions);
  app.get('/healthz', (request, reply) =>
    reply.type('text/plain').send(verbose(request.query) ? '[+]ping ok\nok\n' : 'ok\n'),
  );
  app.get('/readyz', (request, reply) => {
    const { ready, all } = gates;
    const verdict = ready ? 'ok\n' : 'not ready\n';
    const body = ready && !verbose(request.query) ? verdict : `${all.map(gateLine).join('')}${verdict}`;
    return reply
      .code(ready ? 200 : 503)
      .type('text/plain')
      .send(body);
  });
  return app;
}

const verbose = (query: unknown): boolean => typeof query === 'object' && query !== null && 'verbose' in query;

const gateLine = ({ name, ok, detail }: Gate): string =>
  `[${ok ? '+' : '-'}]${name} ${ok ? 'ok' : 'failed'}${detail === undefined ? '' : `: ${detail}`}\n`;
