import { describe, expect, it } from '@jest/globals';
import { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { PostTranslateModifyRequest, PostTranslateModifyResponse } from '@tsgateway/protos/proto/extension/service';
import fc from 'fast-check';
import { findRules } from './rules.ts';
import { readTranslation } from './splice.ts';
import { ruleCluster, stamped, translationRequest } from './testing/envoy-gateway.ts';
import { model } from './testing/model.ts';
import { translate, whyBehind } from './translation.ts';
import { concat, fieldOf, MalformedMessageError, valuesOf } from './wire.ts';

const mesh = model({
  services: [{ name: 'web' }, { name: 'orders' }],
  routes: [
    { name: 'web', rules: [['TailscaleServices/web:80=3', 'Service/plain:80=1'], ['TailscaleServices/gone:80']] },
    { kind: 'GRPCRoute', name: 'api', rules: [['TailscaleServices/orders:50051']] },
  ],
});
const options = { model: mesh, caFile: undefined, accessLog: true, remembered: () => undefined };
const run = (request: Uint8Array) => translate(findRules(request), options).response.bytes();

const ours = translationRequest({
  clusters: [
    { name: 'httproute/default/web/rule/0', backends: ['TailscaleServices/web@1'] },
    { name: 'grpcroute/default/api/rule/0' },
    { name: 'httproute/default/plain/rule/0', settings: { altStatName: 'default/plain' } },
  ],
  routes: {
    'httproute/default/web/rule/0/match/0/*': { cluster: 'httproute/default/web/rule/0' },
    'httproute/default/web/rule/1/match/0/*': { status: 500 },
    'httproute/default/plain/rule/0/match/0/*': { weights: { 'httproute/default/plain/rule/0': 1, other: 2 } },
    'grpcroute/default/api/rule/0/match/0/*': {
      match: { pathSpecifier: { $case: 'prefix', value: '/' } },
      cluster: 'grpcroute/default/api/rule/0',
    },
  },
  listeners: { http: { localReplyConfig: { mappers: [{ statusCode: 418 }] } } },
  policies: [{ kind: 'TailscaleGatewaySync', spec: { revision: '1' } }],
});

/** A field that no proto of ours knows. */
const unknown = fieldOf(1999, Uint8Array.of(7, 7));
const text = (s: string) => new TextEncoder().encode(s);
const foreign = fc
  .tuple(fc.stringMatching(/^[a-z0-9/_-]{1,20}$/), fc.uint8Array({ maxLength: 40 }))
  .map(([name, extra]) => concat([fieldOf(1, text(name)), fieldOf(1999, extra)]));
/** Of any kind of resource: the request's field number, and its bytes. */
const resources = fc.array(fc.tuple(fc.integer({ min: 2, max: 5 }), foreign), { maxLength: 12 });

describe('a translation', () => {
  it('keeps every resource that is not ours byte by byte and in order, whatever is ours beside it', () => {
    fc.assert(
      fc.property(resources, resources, (before, after) => {
        const fields = (list: typeof before) => concat(list.map(([number, bytes]) => fieldOf(number, bytes)));
        const response = run(concat([fields(before), ours, fields(after)]));
        const alone = run(ours);
        for (const number of [2, 3, 4, 5]) {
          const of = (list: typeof before) => list.filter(([n]) => n === number).map(([, bytes]) => Buffer.from(bytes));
          const own = valuesOf(alone, number - 1).map((b) => Buffer.from(b));
          // New clusters come last of all; Envoy Gateway's of the plain rule stays where it was.
          const [stay, added] = number === 2 ? [own.slice(0, 2), own.slice(2)] : [own, []];
          const all = valuesOf(response, number - 1).map((b) => Buffer.from(b));
          expect(all).toEqual([...of(before), ...stay, ...of(after), ...added]);
        }
      }),
    );
  });

  it('keeps unknown fields of what it edits', () => {
    const cluster = concat([
      Cluster.encode(stamped(ruleCluster('httproute/default/web/rule/0'), ['TailscaleServices/web@1'])).finish(),
      unknown,
    ]);
    const action = concat([fieldOf(1, text('httproute/default/web/rule/0')), unknown]);
    const route = concat([fieldOf(2, action), unknown, fieldOf(14, text('httproute/default/web/rule/0/match/0/*'))]);
    const host = concat([fieldOf(1, text('all')), fieldOf(3, route), unknown]);
    const configuration = concat([fieldOf(1, text('http')), fieldOf(2, host), unknown]);
    const response = run(concat([fieldOf(2, cluster), fieldOf(5, configuration)]));
    const decoded = PostTranslateModifyResponse.decode(response);
    const [edited] = decoded.routes;
    const kept = [Buffer.from([2, 7, 7])];
    const has = (message: { _unknownFields?: Record<number, Uint8Array[]> | undefined } | undefined) =>
      (message?._unknownFields?.[1999 * 8 + 2] ?? []).map((b) => Buffer.from(b));
    const [editedRoute] = edited?.virtualHosts[0]?.routes ?? [];
    expect(has(edited)).toEqual(kept);
    expect(has(edited?.virtualHosts[0])).toEqual(kept);
    expect(has(editedRoute)).toEqual(kept);
    expect(editedRoute?.action?.$case === 'route' && has(editedRoute.action.value)).toEqual(kept);
    expect(has(decoded.clusters.find((c) => c.name.startsWith('tsgateway/')))).toEqual(kept);
  });

  it('is the same for the same request, and names clusters alike whatever comes before them', () => {
    expect(run(ours)).toEqual(run(ours));
    const request = PostTranslateModifyRequest.decode(ours);
    const other = stamped(ruleCluster('httproute/default/a/rule/0', { connectTimeout: { seconds: 3n } }), [
      'TailscaleServices/web@1',
    ]);
    const names = (r: PostTranslateModifyRequest) =>
      PostTranslateModifyResponse.decode(run(PostTranslateModifyRequest.encode(r).finish())).clusters.map(
        (c) => c.name,
      );
    const more = names({ ...request, clusters: [other, ...request.clusters] });
    expect(more).toEqual(expect.arrayContaining(names(request)));
  });

  it('adds a reply behind the user’s own', () => {
    const [listener] = PostTranslateModifyResponse.decode(run(ours)).listeners;
    const [filter] = listener?.filterChains[0]?.filters ?? [];
    const manager = filter?.configType?.$case === 'typedConfig' ? filter.configType.value.value : new Uint8Array(0);
    const mappers = valuesOf(manager, 38).flatMap((config) => valuesOf(config, 1));
    expect(mappers).toHaveLength(2);
    expect(Buffer.from(mappers[0] ?? []).equals(Buffer.from([18, 3, 8, 162, 3]))).toBe(true);
  });

  it('of mutated bytes is refused as malformed, or answered: nothing else is thrown', () => {
    const mutations = fc.array(fc.tuple(fc.nat(ours.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(mutations, fc.integer({ min: 1, max: ours.length }), (changes, length) => {
        const request = Uint8Array.from(ours);
        for (const [at, byte] of changes) request[at] = byte;
        for (const bytes of [request, request.subarray(0, length)]) {
          try {
            const found = findRules(bytes);
            whyBehind(found, mesh);
            readTranslation(
              concat([fieldOf(77, text('x')), translate(found, options).response.bytes()]), // A message again.
            );
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedMessageError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
