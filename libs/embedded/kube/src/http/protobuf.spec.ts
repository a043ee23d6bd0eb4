import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { StatusError } from '../status-error.ts';
import { decodeProtobuf } from './protobuf.ts';

const bytes = (field: number, value: Buffer | string): Buffer => {
  const body = Buffer.from(value as string);
  return Buffer.concat([Buffer.from([(field << 3) | 2, body.length]), body]);
};
const number = (field: number, value: number): Buffer => Buffer.from([field << 3, value]);
const message = (...parts: Buffer[]): Buffer => Buffer.concat(parts);
const envelope = (apiVersion: string, kind: string, raw: Buffer): Buffer =>
  message(Buffer.from('k8s\0'), bytes(1, message(bytes(1, apiVersion), bytes(2, kind))), bytes(2, raw));

describe('decodeProtobuf', () => {
  it('reads maps, lists, numbers and messages by their field numbers', () => {
    const metadata = message(
      bytes(1, 'n'),
      bytes(3, ''),
      bytes(11, message(bytes(1, 'k'), bytes(2, 'v'))),
      bytes(14, 'a/b'),
      bytes(8, number(1, 0)),
    );
    const raw = message(bytes(1, metadata), bytes(2, message(bytes(1, 'key'), bytes(2, 'value'))));
    expect(decodeProtobuf(envelope('v1', 'ConfigMap', raw))).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'n', labels: { k: 'v' }, finalizers: ['a/b'] },
      data: { key: 'value' },
    });
  });

  it('keeps a zero where it is a value, and drops it where it is an absence', () => {
    const spec = message(number(1, 0), number(5, 0), number(6, 0));
    expect(decodeProtobuf(envelope('apps/v1', 'Deployment', bytes(2, spec)))['spec']).toEqual({
      replicas: 0,
      revisionHistoryLimit: 0,
    });
  });

  it('writes bytes as base64, and int-or-string as what it is', () => {
    const secret = bytes(2, message(bytes(1, 'a'), bytes(2, 'b')));
    expect(decodeProtobuf(envelope('v1', 'Secret', secret))['data']).toEqual({ a: 'Yg==' });
    const port = (value: Buffer): Buffer => bytes(2, bytes(1, message(number(3, 80), bytes(4, value))));
    expect(decodeProtobuf(envelope('v1', 'Service', port(number(2, 99))))['spec']).toEqual({
      ports: [{ port: 80, targetPort: 99 }],
    });
    expect(decodeProtobuf(envelope('v1', 'Service', port(message(number(1, 1), bytes(3, 'http')))))['spec']).toEqual({
      ports: [{ port: 80, targetPort: 'http' }],
    });
  });

  it('refuses kinds it does not know', () => {
    expect(() => decodeProtobuf(envelope('v1', 'constructor', Buffer.alloc(0)))).toThrow('no protobuf form of kind');
  });

  it('law: any bytes are an object or an error with a status', () => {
    const kinds = fc.constantFrom('ConfigMap', 'Deployment', 'Pod', 'Event');
    fc.assert(
      fc.property(kinds, fc.uint8Array({ maxLength: 100 }), (kind, raw) => {
        try {
          expect(decodeProtobuf(envelope('v1', kind, Buffer.from(raw)))).toHaveProperty('kind', kind);
        } catch (error) {
          expect(error).toBeInstanceOf(StatusError);
        }
      }),
    );
  });
});
