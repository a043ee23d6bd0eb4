// Serialized messages taken apart and put together by a reader that is not the one under test.
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** The values of a length-delimited field. */
export function valuesOf(message: Uint8Array, number: number): Uint8Array[] {
  const values: Uint8Array[] = [];
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === number && wireType === WireType.LengthDelimited) values.push(reader.bytes());
    else reader.skip(wireType, field);
  }
  return values;
}

/** Length-delimited fields, one after the other. */
export function fields(number: number, values: readonly Uint8Array[]): Buffer {
  const writer = new BinaryWriter();
  for (const value of values) writer.tag(number, WireType.LengthDelimited).bytes(value);
  return Buffer.from(writer.finish());
}

/** Messages in one file: each behind its length, 4 bytes, big endian. */
export function framed(messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    messages.flatMap((m) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(m.length);
      return [length, m];
    }),
  );
}
