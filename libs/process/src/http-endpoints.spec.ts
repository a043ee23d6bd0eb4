import { describe, expect, it } from '@jest/globals';
import { Counter, Registry } from 'prom-client';

import { metricsServer, probeServer } from './http-endpoints.ts';
import { ReadinessGates } from './readiness.ts';

describe('probe server', () => {
  it('is ready while all gates are open, says which are not, and is alive all the time', async () => {
    const gates = new ReadinessGates();
    const app = probeServer(gates);
    const get = async (url: string) => {
      const { statusCode, body } = await app.inject(url);
      return [statusCode, body];
    };
    const model = gates.add('model');
    gates.add('server')(true, 'port 5030');
    expect(await get('/readyz')).toEqual([503, '[-]model failed\n[+]server ok: port 5030\nnot ready\n']);
    expect(await get('/healthz')).toEqual([200, 'ok\n']);
    model(true);
    expect(await get('/readyz')).toEqual([200, 'ok\n']);
    expect(await get('/readyz?verbose')).toEqual([200, '[+]model ok\n[+]server ok: port 5030\nok\n']);
    model(false, 'no operator');
    expect(await get('/readyz?verbose')).toEqual([
      503,
      '[-]model failed: no operator\n[+]server ok: port 5030\nnot ready\n',
    ]);
    expect((await app.inject('/other')).statusCode).toBe(404);
  });
});

describe('metrics server', () => {
  it('serves the registry in the text format', async () => {
    const metrics = new Registry();
    new Counter({ name: 'things_total', help: 'Things.', registers: [metrics] }).inc(3);
    const response = await metricsServer(metrics).inject('/metrics');
    expect(response.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(response.body).toContain('things_total 3');
  });
});
