import { describe, expect, it } from '@jest/globals';
import { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import fc from 'fast-check';
import { ruleCluster } from './testing/envoy-gateway.ts';
import { FieldCursor, fieldOf, hasField, MalformedMessageError, mapField, stringOf, withoutFields } from './wire.ts';

/** Where each field begins and ends. */
function fieldsOf(message: Uint8Array): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  const field = new FieldCursor(message);
  while (field.next()) found.push({ start: field.start, end: field.end });
  return found;
}

const bytes = Cluster.encode(ruleCluster('a/b')).finish();

describe('the wire', () => {
  it('is walked from end to end, without a gap', () => {
    let at = 0;
    for (const f of fieldsOf(bytes)) {
      expect(f.start).toBe(at);
      at = f.end;
    }
    expect(at).toBe(bytes.length);
  });

  it('stays the very same array where nothing is edited', () => {
    expect(mapField(bytes, 1, (v) => v)).toBe(bytes);
    expect(stringOf(bytes, 1)).toBe('a/b');
  });

  it('changes in one field only', () => {
    const edited = mapField(bytes, 1, () => new TextEncoder().encode('x'.repeat(300)));
    expect(Cluster.decode(edited)).toEqual({ ...Cluster.decode(bytes), name: 'x'.repeat(300) });
  });

  it('loses and gains fields, and nothing else', () => {
    const without = withoutFields(bytes, [1]);
    expect(hasField(bytes, 1)).toBe(true);
    expect(hasField(without, 1)).toBe(false);
    const again = new Uint8Array([...without, ...fieldOf(1, new TextEncoder().encode('a/b'))]);
    expect(Cluster.decode(again)).toEqual(Cluster.decode(bytes));
  });

  it('is refused with a clear error wherever it is cut inside a field', () => {
    const ends = new Set(fieldsOf(bytes).map((f) => f.end));
    for (let length = 1; length < bytes.length; length++) {
      if (ends.has(length)) continue;
      expect(() => fieldsOf(bytes.subarray(0, length))).toThrow(MalformedMessageError);
    }
  });

  it('never hangs or throws anything else on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (garbage) => {
        try {
          for (const f of fieldsOf(garbage)) expect(f.end).toBeLessThanOrEqual(garbage.length);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessageError);
        }
      }),
    );
  });
});
