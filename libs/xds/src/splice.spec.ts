import { describe, expect, it } from '@jest/globals';
import { PostTranslateModifyRequest, PostTranslateModifyResponse } from '@tsgateway/protos/proto/extension/service';
import fc from 'fast-check';
import { emptyModel } from '@tsgateway/model';
import { readTranslation, spliceTranslation } from './splice.ts';
import { findRules } from './rules.ts';
import { translate } from './translation.ts';
import { translationRequest } from './testing/envoy-gateway.ts';
import { concat, fieldHead, MalformedMessageError } from './wire.ts';

const name = fc.stringMatching(/^[a-z0-9/]{1,20}$/);
const resource = fc.tuple(name, fc.uint8Array({ maxLength: 40 })).map(([n, extra]) => {
  const text = new TextEncoder().encode(n);
  // A name, and a field that no proto of ours knows.
  return concat([fieldHead(1, text.length), text, fieldHead(1999, extra.length), extra]);
});
const resources = fc.array(resource, { maxLength: 5 });
const parts = fc.record({ clusters: resources, secrets: resources, listeners: resources, routes: resources });

const encode = (p: Record<'clusters' | 'secrets' | 'listeners' | 'routes', Uint8Array[]>, shift: number) =>
  concat(
    [p.clusters, p.secrets, p.listeners, p.routes].flatMap((list, i) =>
      list.flatMap((bytes) => [fieldHead(i + 1 + shift, bytes.length), bytes]),
    ),
  );

describe('splicing a translation', () => {
  it('gives every resource back byte by byte, in order, also what is unknown in it', () => {
    fc.assert(
      fc.property(parts, (p) => {
        const answer = Buffer.from(encode(p, 0));
        expect(Buffer.from(spliceTranslation(encode(p, 1)).bytes())).toEqual(answer);
        const translated = translate(findRules(encode(p, 1)), {
          model: emptyModel,
          caFile: undefined,
          accessLog: true,
          remembered: () => undefined,
        });
        expect(Buffer.from(translated.response.bytes())).toEqual(answer);
      }),
    );
  });

  it('reads resources in any order, and drops what a response has no place for', () => {
    const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)];
    const request = concat([fieldHead(5, 1), a, fieldHead(77, 1), b, fieldHead(2, 1), b]);
    expect(readTranslation(request)).toMatchObject({ clusters: [{ from: 9, to: 10 }], routes: [{ from: 2, to: 3 }] });
    expect(spliceTranslation(request).bytes()).toEqual(concat([fieldHead(4, 1), a, fieldHead(1, 1), b]));
  });

  it('equals decoding and encoding', () => {
    const request = translationRequest({
      clusters: [{ name: 'httproute/default/web/rule/0', backends: ['TailscaleServices/web@1'] }],
      routes: { r: { cluster: 'httproute/default/web/rule/0' } },
    });
    const { clusters, routes } = PostTranslateModifyRequest.decode(request);
    const answer = PostTranslateModifyResponse.decode(spliceTranslation(request).bytes());
    expect(answer).toMatchObject({ clusters, routes, secrets: [], listeners: [] });
  });

  it('refuses a message that is cut off', () => {
    expect(() => spliceTranslation(Uint8Array.of(18, 5, 1))).toThrow(MalformedMessageError);
    expect(() => spliceTranslation(Uint8Array.of(18))).toThrow('a number is cut off at byte 1');
  });
});
