/**
 * A VIP service as the tailnet's API has it. Fields that this library does not know are carried through every write
 * (the index signature), as the API may gain fields that a full overwrite must not drop.
 */
export interface ServiceRecord {
  /** "svc:web". */
  name: string;
  /** IPv4 first, then IPv6. Absent before the first write. */
  addrs?: string[] | undefined;
  comment?: string | undefined;
  /** "tcp:80". */
  ports?: string[] | undefined;
  tags?: string[] | undefined;
  annotations?: Record<string, string> | undefined;
  [field: string]: unknown;
}

/** What a user of a VIP service wants it to be. An empty list, map or string is "no opinion". */
export interface ServiceSpec {
  ports: readonly string[];
  tags: readonly string[];
  comment: string;
  annotations: Readonly<Record<string, string>>;
}

/** The parts of a `ServiceSpec`, as they are named in a conflict. */
export type SpecField = keyof ServiceSpec;

/** Order and repetition mean nothing in ports and tags. */
export function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const left = new Set(a);
  const right = new Set(b);
  return left.size === right.size && [...left].every((item) => right.has(item));
}

/** The fields in which `record` is not what `spec` asks for, in a fixed order. */
export function specDifferences(record: ServiceRecord, spec: ServiceSpec): SpecField[] {
  const differences: SpecField[] = [];
  if (spec.ports.length > 0 && !sameSet(spec.ports, record.ports ?? [])) differences.push('ports');
  if (spec.tags.length > 0 && !sameSet(spec.tags, record.tags ?? [])) differences.push('tags');
  if (spec.comment !== '' && spec.comment !== record.comment) differences.push('comment');
  const annotations = record.annotations ?? {};
  if (Object.entries(spec.annotations).some(([key, value]) => annotations[key] !== value)) {
    differences.push('annotations');
  }
  return differences;
}
