/**
 * Protobuf at the level of bytes. What is not ours is copied, never decoded: that is fast, and fields that a newer
 * Envoy Gateway adds survive.
 */

/** Thrown when bytes are no protobuf message: cut off, or with a wire type that does not exist. */
export class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError';
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** One field as it stands in a message. */
interface Field {
  readonly number: number;
  readonly wireType: number;
  /** Where its tag begins. */
  readonly start: number;
  /** Where its value begins; behind the length where it has one. */
  readonly valueStart: number;
  readonly end: number;
}

/**
 * The fields of a message, in order.
 *
 * @throws MalformedMessageError
 */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  const at = { offset: 0 };
  while (at.offset < message.length) {
    const start = at.offset;
    const tag = readVarint(message, at);
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (number === 0) throw new MalformedMessageError(`field number 0 at byte ${start} of ${message.length}`);
    if (wireType === VARINT) {
      const valueStart = at.offset;
      readVarint(message, at);
      yield { number, wireType, start, valueStart, end: at.offset };
      continue;
    }
    const length = wireType === BYTES ? readVarint(message, at) : fixedLength(wireType, start);
    const valueStart = at.offset;
    at.offset += length;
    if (at.offset > message.length) {
      throw new MalformedMessageError(
        `field ${number} at byte ${start} ends at byte ${at.offset}, the message at ${message.length}`,
      );
    }
    yield { number, wireType, start, valueStart, end: at.offset };
  }
}

function fixedLength(wireType: number, offset: number): number {
  if (wireType === FIXED64) return 8;
  if (wireType === FIXED32) return 4;
  throw new MalformedMessageError(`wire type ${wireType} at byte ${offset}`);
}

function readVarint(bytes: Uint8Array, at: { offset: number }): number {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at.offset++];
    if (byte === undefined) throw new MalformedMessageError(`a number is cut off at byte ${bytes.length}`);
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value;
  }
  throw new MalformedMessageError(`a number of more than 10 bytes before byte ${at.offset}`);
}

/** The values of a message or string field, as views of the message. */
export function* valuesOf(message: Uint8Array, number: number): Generator<Uint8Array> {
  for (const f of fieldsOf(message)) {
    if (f.number === number && f.wireType === BYTES) yield message.subarray(f.valueStart, f.end);
  }
}

const decoder = new TextDecoder();

/** The last value of a string field, which is the one that counts; "" where there is none. */
export function stringOf(message: Uint8Array, number: number): string {
  let last: Uint8Array | undefined;
  for (const value of valuesOf(message, number)) last = value;
  return last ? decoder.decode(last) : '';
}

/**
 * The message with each value of a message field replaced by what `edit` returns for it; all other bytes stay as they
 * are, where they are. The very same array when every value came back as it was.
 */
export function mapField(message: Uint8Array, number: number, edit: (value: Uint8Array) => Uint8Array): Uint8Array {
  const chunks: Uint8Array[] = [];
  let copied = 0;
  for (const f of fieldsOf(message)) {
    if (f.number !== number || f.wireType !== BYTES) continue;
    const value = message.subarray(f.valueStart, f.end);
    const edited = edit(value);
    if (edited === value) continue;
    chunks.push(message.subarray(copied, f.start), fieldHead(number, edited.length), edited);
    copied = f.end;
  }
  return chunks.length === 0 ? message : concat([...chunks, message.subarray(copied)]);
}

/** Tag and length of a length-delimited field. */
export function fieldHead(number: number, length: number): Uint8Array {
  return Uint8Array.from([...varint(number * 8 + BYTES), ...varint(length)]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}

export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(chunks.reduce((sum, c) => sum + c.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}
