import type { Bench } from '../bench.ts';
import { requestOfBytes } from '../corpus/requests.ts';
import type { Experiment } from '../experiment.ts';
import { calls } from '../peers/load-client.ts';
import type { Peer } from '../peers/peer.ts';
import { memoryOf, resetPeak } from '../peers/process-figures.ts';

const hook = 'PostTranslateModify';

/** P5: how long one large translation takes. */
export const largeCall: Experiment = {
  measures: [
    {
      ...{ id: 'P5', title: 'Translation of 15 MB', unit: 'ms', n: '9 calls' },
      what: 'One PostTranslateModify with about 9,000 TLS clusters and 100 stamped rules, end to end; median of the calls',
      ratios: [
        ['go', 'extension-server'],
        ['ts-proto', 'extension-server'],
        ['extension-server', 'tcp'],
      ],
    },
  ],
  needsGo: true,
  async start(bench) {
    const request = requestOfBytes(15_000_000);
    const body = await bench.file(request);
    const load = await bench.load();
    const floor = await bench.floor();
    const peers = [
      ['extension-server', await bench.extensionServer()],
      ['go', await bench.goServer()],
      ['ts-proto', await bench.tsProtoServer()],
    ] as const;
    const count = bench.quick ? 2 : 9;
    return async () => {
      const P5: Record<string, number> = {};
      let responseBytes = 0;
      for (const [name, { target }] of peers) {
        const answer = await load.run(calls({ target, hook, body, calls: count, warmup: 2 }));
        P5[name] = answer.p50Ns / 1e6;
        responseBytes = answer.responseBytes;
      }
      const sizes = { requestBytes: request.length, responseBytes };
      const answer = await load.run({ op: 'floor', target: floor.target, calls: count, warmup: 1, ...sizes });
      return { P5: { tcp: answer.p50Ns / 1e6, ...P5 } };
    };
  },
};

/** P8, P9: the memory of large calls, each in a fresh process that has answered one small translation. */
export const largeCallMemory: Experiment = {
  measures: [
    {
      ...{ id: 'P8', title: 'Peak memory of a large call', unit: 'x message', n: 'one call of 64 MB, fresh process' },
      what: 'Peak resident memory during one PostTranslateModify less what was resident before, over the size of the message',
      ratios: [['extension-server', 'go']],
    },
    {
      ...{ id: 'P9', title: 'Two large calls at once', unit: 'x message', n: 'two calls of 64 MB, fresh process' },
      what: 'The same peak with two such calls in flight, over that with one: it must not double',
      ratios: [
        ['two', 'one'],
        ['go: two', 'go: one'],
        ['two: time', 'one: time'],
      ],
      units: { 'one: time': 'ms', 'two: time': 'ms' },
    },
  ],
  needsGo: true,
  async start(bench) {
    const request = requestOfBytes(bench.quick ? 16_000_000 : 64_000_000);
    const body = await bench.file(request);
    const warmup = await bench.file(requestOfBytes(1_000_000));
    const load = await bench.load();
    const peak = async (start: () => Promise<Peer>, inFlight: number) => {
      const peer = await start();
      await load.run(calls({ target: peer.target, hook, body: warmup, calls: 3 }));
      await resetPeak(peer.pid);
      const { residentBytes } = await memoryOf(peer.pid);
      const { totalNs } = await load.run(calls({ target: peer.target, hook, body, calls: inFlight, inFlight }));
      const { peakBytes } = await memoryOf(peer.pid);
      await peer.stop();
      return { memory: (peakBytes - residentBytes) / request.length, ms: totalNs / 1e6 };
    };
    const ours = (b: Bench) => () => b.freshExtensionServer();
    const go = (b: Bench) => () => b.freshGoServer();
    return async () => {
      const one = await peak(ours(bench), 1);
      const goOne = await peak(go(bench), 1);
      const tsProto = await peak(() => bench.freshTsProtoServer(), 1);
      const two = await peak(ours(bench), 2);
      const goTwo = await peak(go(bench), 2);
      return {
        P8: { 'extension-server': one.memory, go: goOne.memory, 'ts-proto': tsProto.memory },
        P9: {
          ...{ one: one.memory, two: two.memory, 'go: one': goOne.memory, 'go: two': goTwo.memory },
          ...{ 'one: time': one.ms, 'two: time': two.ms },
        },
      };
    };
  },
};
