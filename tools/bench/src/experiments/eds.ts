import type { Experiment } from '../experiment.ts';
import { calls } from '../peers/load-client.ts';
import { clusterHookRequest } from '../corpus/requests.ts';
import { memoryOf } from '../peers/process-figures.ts';
import { median } from '../statistics.ts';

const streams = 1000;
const openStreams = (target: string) => ({
  ...{ op: 'eds-open', target, connections: 10, streams },
  name: 'tsgateway/default/web-0/80',
});

/** P11: from a machine's failure, as a checker reports it, to the last Envoy that knows. */
export const edsPush: Experiment = {
  measures: [
    {
      ...{
        id: 'P11',
        title: 'Failover to 1,000 EDS streams',
        unit: 'ms',
        n: '1,000 streams on 10 connections, 10 flips',
      },
      what:
        "From the checker's report that both primary machines of a service changed, as it is written to the extension " +
        'server, until the last stream has received the new endpoints; and the size of one response',
      ratios: [],
      units: { 'bytes per push': 'B' },
    },
  ],
  needsGo: true,
  async start(bench) {
    const load = await bench.load();
    const mesh = await bench.mesh();
    const flips = bench.quick ? 2 : 10;
    return async () => {
      const { edsTarget } = await bench.extensionServer();
      await load.run(openStreams(edsTarget));
      const times: number[] = [];
      let bytes = 0;
      for (let i = 0; i < flips; i++) {
        await load.run({ op: 'eds-arm' });
        const started = process.hrtime.bigint();
        mesh.setPrimaryHealthy(i % 2 === 1);
        const { lastAtNs, responseBytes } = await load.run({ op: 'eds-wait' });
        times.push((lastAtNs - Number(started)) / 1e6);
        bytes = responseBytes;
      }
      await load.run({ op: 'eds-close' });
      return { P11: { 'extension-server': median(times), 'bytes per push': bytes } };
    };
  },
};

/** P12: what a server costs that has nothing to do, a stream that has nothing to say, and a message that is too large. */
export const atRest: Experiment = {
  measures: [
    {
      ...{
        id: 'P12',
        title: 'At rest, streams, refusal',
        unit: 'MiB',
        n: '1,000 calls, 1,000 streams, one refusal; fresh processes',
      },
      what:
        'Resident memory after 1,000 small hooks; what 1,000 open EDS streams add to it, per stream; and the time until a ' +
        'request of 101 MiB is refused (RESOURCE_EXHAUSTED; the limit is 100 MiB)',
      ratios: [['extension-server', 'go']],
      units: { 'memory per stream': 'KiB', refusal: 'ms', 'go: refusal': 'ms' },
    },
  ],
  needsGo: true,
  async start(bench) {
    const load = await bench.load();
    const small = await bench.file(clusterHookRequest(7));
    const tooLarge = await bench.file(Buffer.alloc(101 * 1024 * 1024));
    const count = bench.quick ? 200 : 1000;
    const warm = (target: string) => load.run(calls({ target, hook: 'PostClusterModify', body: small, calls: count }));
    const refusal = async (target: string) => {
      const command = calls({ target, hook: 'PostTranslateModify', body: tooLarge, calls: 1 });
      return (await load.run({ ...command, want: 'ResourceExhausted' })).totalNs / 1e6;
    };
    return async () => {
      const ours = await bench.freshExtensionServer();
      const go = await bench.freshGoServer();
      await warm(ours.target);
      await warm(go.target);
      const resident = (await memoryOf(ours.pid)).residentBytes;
      const goResident = (await memoryOf(go.pid)).residentBytes;
      await load.run(openStreams(ours.edsTarget));
      const withStreams = (await memoryOf(ours.pid)).residentBytes;
      await load.run({ op: 'eds-close' });
      const figures = {
        'extension-server': resident / 2 ** 20,
        go: goResident / 2 ** 20,
        'memory per stream': (withStreams - resident) / streams / 1024,
        refusal: await refusal(ours.target),
        'go: refusal': await refusal(go.target),
      };
      await ours.stop();
      await go.stop();
      return { P12: figures };
    };
  },
};
