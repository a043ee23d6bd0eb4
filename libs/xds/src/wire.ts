/**
 * Protobuf at the level of bytes. What is not ours is copied, never decoded: that is fast, and fields that a newer
 * Envoy Gateway adds survive.
 */

/** Thrown when bytes are no protobuf message: cut off, or with a wire type that does not exist. */
export class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError';
}

/**
 * What `read` returns; undefined where the bytes cannot be read, whoever noticed it: one resource that nobody
 * understands must not cost the others.
 */
export function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const VARINT = 0;
const FIXED64 = 1;
/** The wire type of messages, strings and bytes. */
export const BYTES = 2;
const FIXED32 = 5;

/** Where a value lies in a message. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * Walks the fields of a message, or of one inside of it, in order and without an object for each: translations have
 * hundreds of thousands.
 *
 *     const field = new FieldCursor(message);
 *     while (field.next()) use(field.number, message.subarray(field.valueStart, field.end));
 */
export class FieldCursor {
  number = 0;
  wireType = 0;
  /** Where its tag begins. */
  start = 0;
  /** Where its value begins; behind the length where it has one. */
  valueStart = 0;
  end = 0;
  readonly #message: Uint8Array;
  #offset: number;
  #limit: number;

  constructor(message: Uint8Array, from = 0, to = message.length) {
    this.#message = message;
    this.#offset = from;
    this.#limit = to;
  }

  /** Begins anew, with another part of the same message. */
  enter(from: number, to: number): this {
    this.#offset = from;
    this.#limit = to;
    return this;
  }

  /**
   * Goes to the next field; false: there is none.
   *
   * @throws MalformedMessageError
   */
  next(): boolean {
    const limit = this.#limit;
    if (this.#offset >= limit) return false;
    this.start = this.#offset;
    const tag = this.#varint();
    this.number = Math.floor(tag / 8);
    this.wireType = tag % 8;
    if (this.number === 0) throw new MalformedMessageError(`field number 0 at byte ${this.start} of ${limit}`);
    if (this.wireType === VARINT) {
      this.valueStart = this.#offset;
      this.#varint();
    } else {
      const size = this.wireType === BYTES ? this.#varint() : fixedLength(this.wireType, this.start);
      this.valueStart = this.#offset;
      this.#offset += size;
    }
    this.end = this.#offset;
    if (this.end <= limit) return true;
    throw new MalformedMessageError(
      `field ${this.number} at byte ${this.start} ends at byte ${this.end}, the message at ${limit}`,
    );
  }

  /** The next message, string or bytes field of this number; false: there is none. */
  nextBytes(number: number): boolean {
    while (this.next()) if (this.number === number && this.wireType === BYTES) return true;
    return false;
  }

  #varint(): number {
    const message = this.#message;
    let byte = message[this.#offset++] ?? cutOff(message);
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let scale = 0x80, i = 1; i < 10; scale *= 0x80, i++) {
      byte = message[this.#offset++] ?? cutOff(message);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new MalformedMessageError(`a number of more than 10 bytes before byte ${this.#offset}`);
  }
}

function cutOff(message: Uint8Array): never {
  throw new MalformedMessageError(`a number is cut off at byte ${message.length}`);
}

function fixedLength(wireType: number, offset: number): number {
  if (wireType === FIXED64) return 8;
  if (wireType === FIXED32) return 4;
  throw new MalformedMessageError(`wire type ${wireType} at byte ${offset}`);
}

/** The values of a message, string or bytes field, as views of the message. */
export function valuesOf(message: Uint8Array, number: number): Uint8Array[] {
  const values: Uint8Array[] = [];
  const field = new FieldCursor(message);
  while (field.nextBytes(number)) values.push(message.subarray(field.valueStart, field.end));
  return values;
}

const decoder = new TextDecoder();

/** The last value of a string field, which is the one that counts; "" where there is none. */
export function stringOf(message: Uint8Array, number: number): string {
  const last = valuesOf(message, number).at(-1);
  return last ? decoder.decode(last) : '';
}

/** A field of this number stands in the message. */
export function hasField(message: Uint8Array, number: number): boolean {
  const field = new FieldCursor(message);
  while (field.next()) if (field.number === number) return true;
  return false;
}

/** Bytes that are not yet in one place: what is edited deep inside of a large message is copied only once, at the end. */
export class Pieces {
  length = 0;
  readonly list: Uint8Array[] = [];

  add(piece: Uint8Array | Pieces): void {
    this.length += piece.length;
    if (piece instanceof Pieces) for (const part of piece.list) this.list.push(part);
    else if (piece.length > 0) this.list.push(piece);
  }

  join(): Uint8Array {
    const joined = new Uint8Array(this.length);
    let offset = 0;
    for (const piece of this.list) {
      joined.set(piece, offset);
      offset += piece.length;
    }
    return joined;
  }
}

/**
 * The part of a message from `from` to `to`, with values of its message fields `fields` replaced by what `edit` returns for where they lie
 * (undefined: they stay); all other bytes stay as they are, where they are. Undefined when all stayed.
 */
export function replaceValues(
  message: Uint8Array,
  { from, to, fields }: Range & { readonly fields: readonly number[] },
  edit: (from: number, to: number) => Uint8Array | Pieces | undefined,
): Pieces | undefined {
  let pieces: Pieces | undefined;
  let copied = from;
  const field = new FieldCursor(message, from, to);
  while (field.next()) {
    if (field.wireType !== BYTES || !fields.includes(field.number)) continue;
    const edited = edit(field.valueStart, field.end);
    if (edited === undefined) continue;
    pieces ??= new Pieces();
    pieces.add(message.subarray(copied, field.start));
    pieces.add(fieldHead(field.number, edited.length));
    pieces.add(edited);
    copied = field.end;
  }
  pieces?.add(message.subarray(copied, to));
  return pieces;
}

/** Like `replaceValues`, of a whole message; the very same array when every value came back as it was. */
export function mapField(message: Uint8Array, number: number, edit: (value: Uint8Array) => Uint8Array): Uint8Array {
  const pieces = replaceValues(message, { from: 0, to: message.length, fields: [number] }, (from, to) => {
    const value = message.subarray(from, to);
    const edited = edit(value);
    return edited === value ? undefined : edited;
  });
  return pieces?.join() ?? message;
}

/** The message without the fields of these numbers. */
export function withoutFields(message: Uint8Array, numbers: readonly number[]): Uint8Array {
  const chunks: Uint8Array[] = [];
  const field = new FieldCursor(message);
  while (field.next()) if (!numbers.includes(field.number)) chunks.push(message.subarray(field.start, field.end));
  return concat(chunks);
}

/** A length-delimited field with its value. */
export const fieldOf = (number: number, value: Uint8Array): Uint8Array =>
  concat([fieldHead(number, value.length), value]);

/** Tag and length of a length-delimited field. */
export function fieldHead(number: number, length: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest of [number * 8 + BYTES, length]) {
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
    bytes.push(rest);
  }
  return Uint8Array.from(bytes);
}

export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const pieces = new Pieces();
  for (const chunk of chunks) pieces.add(chunk);
  return pieces.join();
}
