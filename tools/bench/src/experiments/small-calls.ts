import type { Bench } from '../bench.ts';
import { clusterHookRequest } from '../corpus/requests.ts';
import type { Experiment } from '../experiment.ts';
import { calls } from '../peers/load-client.ts';
import { cpuNsOf } from '../peers/process-figures.ts';

const what =
  'PostClusterModify of one custom rule (1 KB), one call at a time on one connection, as Envoy Gateway calls';
const ratios = [
  ['extension-server', 'floor'],
  ['go', 'floor'],
  ['ts-proto', 'floor'],
  ['extension-server', 'go'],
  ['extension-server', 'tcp'],
] as const;

const servers = async (bench: Bench) =>
  [
    ['extension-server', await bench.extensionServer()],
    ['go', await bench.goServer()],
    ['ts-proto', await bench.tsProtoServer()],
  ] as const;

/** P1, P2: how long Envoy Gateway waits for a small hook. */
export const serialCalls: Experiment = {
  measures: [
    { id: 'P1', title: 'Small hook, median', what, unit: 'us', n: '3,000 calls', ratios },
    { id: 'P2', title: 'Small hook, 99th percentile', what, unit: 'us', n: '3,000 calls', ratios },
  ],
  needsGo: true,
  async start(bench) {
    const request = clusterHookRequest(7);
    const body = await bench.file(request);
    const load = await bench.load();
    const floor = await bench.floor();
    const peers = await servers(bench);
    const count = bench.quick ? 300 : 3000;
    return async () => {
      const p50: Record<string, number> = {};
      const p99: Record<string, number> = {};
      let responseBytes = 0;
      for (const [name, { target }] of [['floor', floor] as const, ...peers]) {
        const answer = await load.run(calls({ target, hook: 'PostClusterModify', body, calls: count, warmup: 200 }));
        p50[name] = answer.p50Ns / 1000;
        p99[name] = answer.p99Ns / 1000;
        responseBytes = answer.responseBytes;
      }
      const sizes = { requestBytes: request.length, responseBytes };
      const answer = await load.run({ op: 'floor', target: floor.target, calls: count, warmup: 200, ...sizes });
      return { P1: { tcp: answer.p50Ns / 1000, ...p50 }, P2: { tcp: answer.p99Ns / 1000, ...p99 } };
    };
  },
};

/** P3: what a small hook costs the server's CPU. */
export const cpuPerCall: Experiment = {
  measures: [
    {
      ...{ id: 'P3', title: 'CPU per small hook', unit: 'us', n: '10,000 calls' },
      what: 'The same call, 64 in flight on one connection: CPU time of the server process (scheduler), per call',
      ratios: [
        ['extension-server', 'go'],
        ['ts-proto', 'go'],
      ],
    },
  ],
  needsGo: true,
  async start(bench) {
    const body = await bench.file(clusterHookRequest(7));
    const load = await bench.load();
    const peers = await servers(bench);
    const count = bench.quick ? 1000 : 10_000;
    return async () => {
      const cpu: Record<string, number> = {};
      for (const [name, { target, pid }] of peers) {
        await load.run(calls({ target, hook: 'PostClusterModify', body, calls: 500, inFlight: 64 }));
        const before = await cpuNsOf(pid);
        await load.run(calls({ target, hook: 'PostClusterModify', body, calls: count, inFlight: 64 }));
        cpu[name] = ((await cpuNsOf(pid)) - before) / count / 1000;
      }
      return { P3: cpu };
    };
  },
};
