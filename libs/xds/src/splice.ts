import { BYTES, FieldCursor, fieldHead, Pieces } from './wire.ts';

/** A resource in a translation: where its field begins, and its value. */
export interface Resource {
  /** Of the request's field: its kind. */
  readonly number: number;
  readonly start: number;
  readonly from: number;
  readonly to: number;
}

/** A serialized PostTranslateModifyRequest and where its resources lie, in their order. */
export interface TranslationParts {
  readonly request: Uint8Array;
  readonly resources: readonly Resource[];
  /** Those of each kind. */
  readonly clusters: readonly Resource[];
  readonly listeners: readonly Resource[];
  readonly routes: readonly Resource[];
  /** Values of the request's context, as views; a response has none. */
  readonly context: readonly Uint8Array[];
}

export interface TranslationEdits {
  /** What stands in a resource's place; null: nothing. The others stay as they are. */
  readonly replaced: ReadonlyMap<Resource, Pieces | null>;
  /** Serialized clusters that come behind the others. */
  readonly clusters: readonly Uint8Array[];
}

/** Field numbers of the request; a kind of resource has the next lower one in the response. */
const CONTEXT = 1;
const CLUSTERS = 2;
const LISTENERS = 4;
const ROUTES = 5;

/**
 * Takes a serialized PostTranslateModifyRequest apart without decoding its resources.
 *
 * @throws MalformedMessageError when it is no message.
 */
export function readTranslation(request: Uint8Array): TranslationParts {
  const resources: Resource[] = [];
  const context: Uint8Array[] = [];
  const field = new FieldCursor(request);
  while (field.next()) {
    const { number } = field;
    if (field.wireType !== BYTES || number > ROUTES) continue;
    if (number === CONTEXT) context.push(request.subarray(field.valueStart, field.end));
    else resources.push({ number, start: field.start, from: field.valueStart, to: field.end });
  }
  const of = (number: number) => resources.filter((r) => r.number === number);
  return { request, resources, context, clusters: of(CLUSTERS), listeners: of(LISTENERS), routes: of(ROUTES) };
}

const nothing: TranslationEdits = { replaced: new Map(), clusters: [] };

/** A serialized message in pieces: put together only once, where it is sent from, as it may be large. */
export class GatheredMessage {
  readonly #pieces: Pieces;
  /** Where tags of the request stand that are to be the response's. */
  readonly #tags: readonly number[];

  constructor(pieces: Pieces, tags: readonly number[]) {
    this.#pieces = pieces;
    this.#tags = tags;
  }

  get byteLength(): number {
    return this.#pieces.length;
  }

  /** Writes the message into `target`, from `start` on; returns its length. As a Buffer does it. */
  copy(target: Uint8Array, start = 0): number {
    let at = start;
    for (const piece of this.#pieces.list) {
      target.set(piece, at);
      at += piece.length;
    }
    for (const tag of this.#tags) target[start + tag] = (target[start + tag] ?? 0) - 8;
    return this.byteLength;
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.byteLength);
    this.copy(bytes);
    return bytes;
  }
}

/**
 * A serialized PostTranslateModifyResponse: the request's resources in their order, edited. A kind of resource that the
 * request has not, the response has not either. Stretches that stay are copied as a whole, and only once.
 */
export function writeTranslation(
  parts: TranslationParts,
  { replaced, clusters }: TranslationEdits = nothing,
): GatheredMessage {
  const { request, resources } = parts;
  const pieces = new Pieces();
  const tags: number[] = [];
  let runStart = 0;
  let runEnd = 0;
  const endRun = (): void => pieces.add(request.subarray(runStart, runEnd));
  for (const resource of resources) {
    const edit = replaced.size === 0 ? undefined : replaced.get(resource);
    // A tag of one byte can be changed in its place.
    if (edit === undefined && request[resource.start] === resource.number * 8 + BYTES) {
      if (resource.start !== runEnd) {
        endRun();
        runStart = resource.start;
      }
      tags.push(pieces.length + resource.start - runStart);
      runEnd = resource.to;
      continue;
    }
    endRun();
    runStart = runEnd = resource.to;
    if (edit === null) continue;
    const value = edit ?? request.subarray(resource.from, resource.to);
    pieces.add(fieldHead(resource.number - 1, value.length));
    pieces.add(value);
  }
  endRun();
  for (const cluster of clusters) {
    pieces.add(fieldHead(CLUSTERS - 1, cluster.length));
    pieces.add(cluster);
  }
  return new GatheredMessage(pieces, tags);
}

/**
 * The response to a request that changes nothing.
 *
 * @throws MalformedMessageError when the request is no message.
 */
export const spliceTranslation = (request: Uint8Array): GatheredMessage => writeTranslation(readTranslation(request));
