import type { Json, JsonObject } from '../object.ts';
import { badRequest } from '../status-error.ts';
import { protobufFields } from './protobuf-fields.ts';

interface Field {
  name: string;
  type: string;
  shape: 'one' | 'list' | 'map';
  /** A zero is a value, not an absence. */
  optional: boolean;
}

const messages = new Map<string, Map<number, Field>>();

function fieldsOf(message: string): Map<number, Field> | undefined {
  let fields = messages.get(message);
  const text = Object.hasOwn(protobufFields, message) ? protobufFields[message] : undefined;
  if (fields === undefined && text !== undefined) {
    fields = new Map();
    for (const part of text.split(' ')) {
      const [number, name = '', type = ''] = part.split(':');
      const shape = type.startsWith('[]') ? 'list' : type.startsWith('{}') ? 'map' : 'one';
      fields.set(Number(number), {
        name,
        type: type.replace(/^(\[\]|\{\})/, '').replace('?', ''),
        shape,
        optional: type.endsWith('?'),
      });
    }
    messages.set(message, fields);
  }
  return fields;
}

type Entry = { number: number; value: bigint | Buffer };

function* entries(bytes: Buffer): Generator<Entry> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw badRequest('the protobuf body is cut off or malformed');
  };
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw badRequest('the protobuf body is cut off or malformed');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    switch (Number(tag & 7n)) {
      case 0:
        yield { number, value: varint() };
        break;
      case 1:
        yield { number, value: take(8) };
        break;
      case 2:
        yield { number, value: take(Number(varint())) };
        break;
      case 5:
        yield { number, value: take(4) };
        break;
      default:
        throw badRequest('the protobuf body is cut off or malformed');
    }
  }
}

const integer = (value: bigint | Buffer | undefined): number =>
  Number(BigInt.asIntN(64, typeof value === 'bigint' ? value : 0n));
const text = (value: bigint | Buffer | undefined): string => (Buffer.isBuffer(value) ? value.toString('utf8') : '');

function collected(bytes: Buffer): Map<number, bigint | Buffer> {
  return new Map([...entries(bytes)].map(({ number, value }) => [number, value]));
}

/** Messages that JSON writes as something other than an object. Undefined: the zero value, which JSON leaves out. */
const special: Record<string, (bytes: Buffer) => Json | undefined> = {
  Time: (bytes) => timestamp(bytes, 'seconds'),
  MicroTime: (bytes) => timestamp(bytes, 'micros'),
  Quantity: (bytes) => text(collected(bytes).get(1)),
  FieldsV1: (bytes) => JSON.parse(text(collected(bytes).get(1)) || '{}') as Json,
  IntOrString: (bytes) => {
    const fields = collected(bytes);
    return integer(fields.get(1)) === 1 ? text(fields.get(3)) : integer(fields.get(2));
  },
  ExtraValue: (bytes) => [...entries(bytes)].map(({ value }) => text(value)),
};

function timestamp(bytes: Buffer, precision: 'seconds' | 'micros'): Json | undefined {
  const fields = collected(bytes);
  const seconds = integer(fields.get(1));
  if (seconds <= 0) return undefined;
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  const micros = Math.floor(integer(fields.get(2)) / 1000);
  return precision === 'seconds' ? `${whole}Z` : `${whole}.${String(micros).padStart(6, '0')}Z`;
}

const maxDepth = 64;

function decodeMessage(message: string, bytes: Buffer, depth: number): Json | undefined {
  if (depth > maxDepth) throw badRequest('the protobuf body is nested too deeply');
  const own = special[message];
  if (own !== undefined) return own(bytes);
  const fields = fieldsOf(message);
  const out: JsonObject = {};
  for (const { number, value } of entries(bytes)) {
    const field = fields?.get(number);
    if (field === undefined) continue;
    if (field.shape === 'map') {
      const map = (out[field.name] ??= {}) as JsonObject;
      const entry = collected(value as Buffer);
      map[text(entry.get(1))] = decodeValue(field, entry.get(2), depth) ?? '';
      continue;
    }
    const decoded = decodeValue(field, value, depth);
    if (field.shape === 'list') {
      const list = (out[field.name] ??= []) as Json[];
      if (decoded !== undefined) list.push(decoded);
    } else if (decoded !== undefined && (field.optional || !isZero(decoded))) out[field.name] = decoded;
  }
  return out;
}

const isZero = (value: Json): boolean => value === '' || value === 0 || value === false;

function decodeValue(field: Field, value: bigint | Buffer | undefined, depth: number): Json | undefined {
  switch (field.type) {
    case 's':
      return text(value);
    case 'y':
      return Buffer.isBuffer(value) ? value.toString('base64') : '';
    case 'b':
      return integer(value) !== 0;
    case 'i':
      return integer(value);
    default:
      return decodeMessage(field.type, Buffer.isBuffer(value) ? value : Buffer.alloc(0), depth + 1);
  }
}

const magic = Buffer.from('k8s\0');

/**
 * Reads a body in Kubernetes' protobuf form (`k8s\0`, then runtime.Unknown) of a built-in kind as its JSON form.
 * Responses are always JSON, which every client accepts.
 *
 * @throws {StatusError} 400 for other bytes or a kind whose fields are not known
 */
export function decodeProtobuf(body: Buffer): JsonObject {
  if (!body.subarray(0, 4).equals(magic)) throw badRequest('the protobuf body does not begin with the prefix k8s');
  const unknown = collected(body.subarray(4));
  const typeMeta = unknown.get(1);
  const type = Buffer.isBuffer(typeMeta) ? collected(typeMeta) : new Map<number, bigint | Buffer>();
  const apiVersion = text(type.get(1));
  const kind = text(type.get(2));
  const message = apiVersion.startsWith('events.k8s.io/') ? `Modern${kind}` : kind;
  if (fieldsOf(message) === undefined) {
    throw badRequest(
      `no protobuf form of kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)} is known`,
    );
  }
  const raw = unknown.get(2);
  const decoded = decodeMessage(message, Buffer.isBuffer(raw) ? raw : Buffer.alloc(0), 0);
  return { apiVersion, kind, ...(decoded as JsonObject) };
}
