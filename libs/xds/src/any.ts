import type { Any } from '@tsgateway/protos/google/protobuf/any';

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
}

/** Packs a message; `type` is its full protobuf name. */
export function pack<T>(type: string, codec: Codec<T>, message: T): Any {
  return { typeUrl: `type.googleapis.com/${type}`, value: asBuffer(codec.encode(message).finish()) };
}

/** The same memory, as the type that generated code wants. */
const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
