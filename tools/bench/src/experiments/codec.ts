import { PostTranslateModifyRequest, PostTranslateModifyResponse } from '@tsgateway/protos/proto/extension/service';
import { type GatheredMessage, spliceTranslation } from '@tsgateway/xds';
import { translationRequest, translationResources } from '../corpus/requests.ts';
import type { Experiment } from '../experiment.ts';
import { median } from '../statistics.ts';

/** P4: the codec alone, in this process. */
export const codec: Experiment = {
  measures: [
    {
      ...{ id: 'P4', title: 'Codec of a translation', unit: 'ms', n: '10,000 clusters; 20 splices, 3 of the others' },
      what: 'Request bytes to response bytes of one Translation with 10,000 clusters and their routes, without transport',
      ratios: [
        ['ts-proto', 'splice'],
        ['splice', 'copy'],
      ],
    },
  ],
  needsGo: false,
  start: () => {
    const request = translationRequest(translationResources({ foreign: 10_000, tls: 'some', custom: 0 }));
    const bytes = request.length;
    const check = (response: Uint8Array) => {
      if (response.length !== bytes) throw new Error(`${response.length} of ${bytes} bytes came back`);
    };
    const peers: Record<string, { run: () => Uint8Array; times: number }> = {
      copy: { run: () => Uint8Array.from(request), times: 20 },
      splice: { run: () => framed(spliceTranslation(request)), times: 20 },
      'ts-proto': {
        run: () => {
          const { clusters, secrets, listeners, routes } = PostTranslateModifyRequest.decode(request);
          return PostTranslateModifyResponse.encode({ clusters, secrets, listeners, routes }).finish();
        },
        times: 3,
      },
    };
    for (const { run } of Object.values(peers)) for (let i = 0; i < 3; i++) check(run()); // compiled, then measured
    return Promise.resolve(() => {
      const P4 = Object.fromEntries(
        Object.entries(peers).map(([name, { run, times }]) => [
          name,
          median(
            Array.from({ length: times }, () => {
              const started = process.hrtime.bigint();
              check(run());
              return Number(process.hrtime.bigint() - started) / 1e6;
            }),
          ),
        ]),
      );
      return Promise.resolve({ P4 });
    });
  },
};

/** As grpc-js sends it: copied once, into the frame. */
function framed(message: GatheredMessage): Uint8Array {
  const frame = Buffer.allocUnsafe(message.byteLength);
  message.copy(frame);
  return frame;
}
