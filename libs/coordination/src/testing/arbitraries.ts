import fc from 'fast-check';
import type { EnsureRequest } from '../ensure.ts';
import { entryKey, formatEntry, type Entry } from '../entry.ts';
import type { ServiceRecord } from '../service-record.ts';

/** 2025-06-25T10:30:00Z. */
export const T0 = 1_750_847_400_000;

export const operators = ['east', 'north', 'west'];
const consumers = ['TailscaleServices/default/a', 'TailscaleServices/default/b', 'TailscaleServices/team/a'];
const userKeys = ['user.team', 'user.env', entryKey('north')];

export const entries: fc.Arbitrary<Entry> = fc
  .record({
    joined: fc.integer({ min: T0 - 5, max: T0 + 5 }),
    consumers: fc.uniqueArray(fc.constantFrom(...consumers)),
    adopted: fc.boolean(),
    leaving: fc.integer({ min: T0 - 5000, max: T0 + 5000 }),
    annotationKeys: fc.uniqueArray(fc.constantFrom('user.team', 'user.env')),
  })
  .map(({ leaving, ...entry }) => (entry.consumers.length === 0 ? { ...entry, leaving } : entry));

/** Entries as they may be found: ours, and ones that cannot be read. */
const storedEntries = fc.oneof(
  { weight: 5, arbitrary: entries.map(formatEntry) },
  { weight: 1, arbitrary: fc.constantFrom('', '{}', '{"v":2,"joined":1}', '[', '"x"') },
);

/** Services as they may be found in a tailnet. */
export const records: fc.Arbitrary<ServiceRecord> = fc
  .record({
    entries: fc.dictionary(fc.constantFrom(...operators), storedEntries),
    others: fc.dictionary(fc.constantFrom('user.team', 'note', 'tailscale.com/owner-references'), fc.string()),
    ports: fc.option(fc.uniqueArray(fc.constantFrom('tcp:80', 'tcp:443')), { nil: undefined }),
    tags: fc.option(fc.uniqueArray(fc.constantFrom('tag:a', 'tag:b')), { nil: undefined }),
    comment: fc.option(fc.constantFrom('', 'x', 'y'), { nil: undefined }),
    displayName: fc.string(),
  })
  .map(({ entries: found, others, ...rest }) => ({
    name: 'svc:web',
    addrs: ['100.64.0.9', 'fd7a:115c:a1e0::9'],
    ...rest,
    annotations: {
      ...others,
      ...Object.fromEntries(Object.entries(found).map(([operator, value]) => [entryKey(operator), value])),
    },
  }));

export const requests: fc.Arbitrary<EnsureRequest> = fc.record({
  name: fc.constant('svc:web'),
  operatorId: fc.constantFrom(...operators),
  consumer: fc.constantFrom(...consumers),
  spec: fc.record({
    ports: fc.uniqueArray(fc.constantFrom('tcp:80', 'tcp:443')),
    tags: fc.uniqueArray(fc.constantFrom('tag:a', 'tag:b')),
    comment: fc.constantFrom('', 'x', 'y'),
    annotations: fc.dictionary(fc.constantFrom(...userKeys), fc.constantFrom('1', '2')),
  }),
  attachOnly: fc.boolean(),
});
