import { BYTES, concat, FieldCursor, fieldHead } from './wire.ts';

/** The resources of a PostTranslateModify message, each serialized, as views of it. */
export interface TranslationParts {
  /** Values of the request's context; a response has none. */
  readonly context: readonly Uint8Array[];
  readonly clusters: readonly Uint8Array[];
  readonly secrets: readonly Uint8Array[];
  readonly listeners: readonly Uint8Array[];
  readonly routes: readonly Uint8Array[];
}

/** Field numbers of each kind of resource. */
const numbers = {
  clusters: { request: 2, response: 1 },
  secrets: { request: 3, response: 2 },
  listeners: { request: 4, response: 3 },
  routes: { request: 5, response: 4 },
} as const;
const CONTEXT = 1;

type Kind = keyof typeof numbers;
const kinds = Object.keys(numbers) as Kind[];

/**
 * Takes a serialized PostTranslateModifyRequest apart without decoding its resources.
 *
 * @throws MalformedMessageError when it is no message.
 */
export function readTranslation(request: Uint8Array): TranslationParts {
  const parts = {
    context: [] as Uint8Array[],
    clusters: [] as Uint8Array[],
    secrets: [] as Uint8Array[],
    listeners: [] as Uint8Array[],
    routes: [] as Uint8Array[],
  };
  const byNumber = new Map<number, Uint8Array[]>([
    [CONTEXT, parts.context],
    ...kinds.map((kind) => [numbers[kind].request, parts[kind]] as const),
  ]);
  const field = new FieldCursor(request);
  while (field.next()) {
    if (field.wireType === BYTES) byNumber.get(field.number)?.push(request.subarray(field.valueStart, field.end));
  }
  return parts;
}

/** A serialized PostTranslateModifyResponse. */
export function writeTranslation(parts: TranslationParts): Uint8Array {
  return concat(
    kinds.flatMap((kind) => parts[kind].flatMap((bytes) => [fieldHead(numbers[kind].response, bytes.length), bytes])),
  );
}

/**
 * The response that a request gets: its resources as they are, but for what `edit` changes.
 *
 * @throws MalformedMessageError when the request is no message.
 */
export const spliceTranslation = (
  request: Uint8Array,
  edit: (parts: TranslationParts) => TranslationParts = (parts) => parts,
): Uint8Array => writeTranslation(edit(readTranslation(request)));
