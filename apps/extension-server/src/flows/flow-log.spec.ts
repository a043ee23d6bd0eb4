import { describe, expect, it } from '@jest/globals';
import { AccessLogType } from '@tsgateway/protos/envoy/data/accesslog/v3/accesslog';
import { StreamAccessLogsMessage } from '@tsgateway/protos/envoy/service/accesslog/v3/als';
import { FlowLog } from './flow-log.ts';

type Entry = NonNullable<
  Parameters<typeof StreamAccessLogsMessage.fromPartial>[0]['logEntries'] & { $case: 'httpLogs' }
>['value'] extends { logEntry?: (infer E)[] } | undefined
  ? NonNullable<E extends { commonProperties?: infer C } ? C : never>
  : never;

const whole: Entry = {
  startTime: new Date(0),
  duration: { seconds: 1n },
  downstreamRemoteAddress: { address: { $case: 'socketAddress', value: { address: '10.0.0.1' } } },
};

function setup(maxTracked = 3) {
  const counts: Record<string, number> = {};
  const count = (what: string) => void (counts[what] = (counts[what] ?? 0) + 1);
  const log = new FlowLog(
    {
      captured: (result) => count(`captured ${result}`),
      processed: () => count('processed'),
      outOfOrder: () => count('out of order'),
      missingStart: () => count('missing start'),
      missingEnd: () => count('missing end'),
      missingSocket: () => count('missing socket'),
      reset: () => count('reset'),
      tlsHandshake: (result) => count(`tls ${result}`),
      tracked: (open) => (counts['tracked'] = open),
    },
    { maxTracked },
  );
  const add = (...entries: Entry[]) =>
    log.add(
      StreamAccessLogsMessage.fromPartial({
        logEntries: {
          $case: 'httpLogs',
          value: { logEntry: entries.map((e) => ({ commonProperties: { ...whole, ...e } })) },
        },
      }),
    );
  return { counts, add, log };
}

describe('FlowLog', () => {
  it.each<[string, Entry, Record<string, number>]>([
    ['a request', {}, { 'captured success': 1 }],
    ['a failed one', { responseFlags: { noHealthyUpstream: true } }, { 'captured error': 1 }],
    ['a fault that was asked for', { responseFlags: { delayInjected: true } }, { 'captured success': 1 }],
    ['a reset', { responseFlags: { upstreamRemoteReset: true } }, { 'captured error': 1, reset: 1 }],
    ['over TLS', { tlsProperties: { tlsVersion: 4 } }, { 'captured success': 1, 'tls success': 1 }],
    ['a failed handshake', { downstreamTransportFailureReason: 'x' }, { 'captured error': 1, 'tls error': 1 }],
    ['no start', { startTime: undefined }, { 'captured success': 1, 'missing start': 1 }],
    ['no end', { duration: undefined }, { 'captured success': 1, 'missing end': 1 }],
    ['no client', { downstreamRemoteAddress: undefined }, { 'captured success': 1, 'missing socket': 1 }],
    ["Envoy's own request", { accessLogType: AccessLogType.UpstreamEnd }, {}],
  ])('%s', (_case, entry, expected) => {
    const { counts, add } = setup();
    add(entry);
    expect(counts).toEqual({ processed: 1, tracked: 0, ...expected });
  });

  it('counts entries of TCP connections alike, and takes an empty message', () => {
    const { counts, log } = setup();
    const logEntries = {
      $case: 'tcpLogs' as const,
      value: { logEntry: [{ commonProperties: { ...whole, responseFlags: { downstreamRemoteReset: true } } }, {}] },
    };
    log.add(StreamAccessLogsMessage.fromPartial({ logEntries }));
    log.add(StreamAccessLogsMessage.fromPartial({}));
    expect(counts).toEqual({ processed: 2, 'captured error': 1, reset: 1, tracked: 0 });
  });

  it('tracks flows whose begin is logged, and sees a begin that comes late', () => {
    const { counts, add } = setup();
    const begin = { accessLogType: AccessLogType.DownstreamStart };
    const progress = { accessLogType: AccessLogType.DownstreamPeriodic };
    add({ ...begin, streamId: 'a' }, { ...progress, streamId: 'a' }, { ...progress, streamId: 'b' });
    expect(counts).toEqual({ processed: 3, tracked: 2 });
    add({ ...begin, streamId: 'b' });
    expect(counts).toMatchObject({ 'out of order': 1, tracked: 2 });
    add({ accessLogType: AccessLogType.DownstreamEnd, streamId: 'a' });
    expect(counts).toMatchObject({ 'captured success': 1, tracked: 1 });
  });

  it('forgets the oldest flow where there are too many', () => {
    const { counts, add } = setup(2);
    for (const streamId of ['a', 'b', 'c', '']) add({ accessLogType: AccessLogType.DownstreamStart, streamId });
    expect(counts).toEqual({ processed: 4, 'missing end': 1, tracked: 2 });
  });
});
