import { z } from 'zod';

/** A structural schema of apiextensions.k8s.io/v1: what a CRD may say about a value. */
export interface StructuralSchema {
  description?: string;
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  format?: string;
  default?: unknown;
  enum?: unknown[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  required?: string[];
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  items?: StructuralSchema;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-validations'?: { rule: string; message: string; fieldPath?: string }[];
}

/** Thrown for a zod schema that no structural schema can express. A mistake of this library, found by its tests. */
export class NotStructuralError extends Error {
  override readonly name = 'NotStructuralError';
}

type Node = Record<string, unknown>;

/** In the order in which they are written. */
const KEYWORDS = [
  'description',
  'type',
  'format',
  'default',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'maxProperties',
  'required',
  'properties',
  'additionalProperties',
  'items',
  'x-kubernetes-int-or-string',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
] as const;

/**
 * The structural schema of a zod schema: what users write, so fields with a default are not required.
 * @throws NotStructuralError with the path of what cannot be expressed, or of what has no upper bound.
 */
export function structuralSchema(schema: z.ZodType, path: string): StructuralSchema {
  const node = z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', reused: 'inline' });
  return convert(node as Node, path);
}

function convert(source: Node, path: string): StructuralSchema {
  const node = normalize(source);
  const unknown = Object.keys(node).filter((k) => !(KEYWORDS as readonly string[]).includes(k));
  if (unknown.length > 0) throw new NotStructuralError(`${path}: ${unknown.join(', ')} cannot be expressed in a CRD`);
  assertBounded(node, path);

  const result: Node = {};
  for (const keyword of KEYWORDS) {
    const value = node[keyword];
    if (value === undefined) continue;
    switch (keyword) {
      case 'properties':
        result[keyword] = Object.fromEntries(
          Object.entries(value as Node).map(([name, child]) => [name, convert(child as Node, `${path}.${name}`)]),
        );
        break;
      case 'items':
        result[keyword] = convert(value as Node, `${path}[]`);
        break;
      case 'additionalProperties':
        result[keyword] = convert(value as Node, `${path}{}`);
        break;
      default:
        result[keyword] = value;
    }
  }
  if (result['default'] !== undefined) result['default'] = filled(result['default'], result);
  return result;
}

/** A default with the defaults inside it: the API server checks it against the CEL rules as it stands there. */
function filled(value: unknown, { properties }: StructuralSchema): unknown {
  if (properties === undefined || typeof value !== 'object' || value === null) return value;
  const result: Node = { ...value };
  for (const [name, child] of Object.entries(properties)) {
    const inner = result[name] ?? child.default;
    if (inner !== undefined) result[name] = filled(inner, child);
  }
  return result;
}

/** Puts into Kubernetes' words what zod says in those of JSON Schema. */
function normalize(source: Node): Node {
  const node = { ...source };
  if (node['x-kubernetes-int-or-string'] === true) {
    const { type: _, ...text } = (node['anyOf'] as Node[]).find((member) => member['type'] === 'string') ?? {};
    delete node['anyOf'];
    Object.assign(node, text);
  }
  // Unknown fields are pruned, not refused; an object that keeps them lists none.
  if (node['additionalProperties'] === false || node['x-kubernetes-preserve-unknown-fields'] === true) {
    delete node['additionalProperties'];
  }
  // Keys of maps are strings; more than that a CEL rule has to say.
  if (JSON.stringify(node['propertyNames']) === '{"type":"string"}') delete node['propertyNames'];
  if (node['minimum'] === Number.MIN_SAFE_INTEGER) delete node['minimum'];
  if (node['maximum'] === Number.MAX_SAFE_INTEGER) delete node['maximum'];
  // The format says it all, and JavaScript's pattern for it is a page long.
  if (node['format'] === 'date-time') delete node['pattern'];
  // JavaScript escapes the slash, RE2 does not need it.
  if (typeof node['pattern'] === 'string') node['pattern'] = node['pattern'].replaceAll('\\/', '/');
  const { enum: values } = node;
  if (node['type'] === 'number' && Array.isArray(values) && values.every(Number.isInteger)) node['type'] = 'integer';
  return node;
}

/** The cost of CEL rules is estimated from upper bounds; without one the API server may refuse the CRD. */
function assertBounded(node: Node, path: string): void {
  const free =
    (node['type'] === 'string' && node['maxLength'] === undefined && !node['enum'] && node['format'] !== 'date-time') ||
    (node['type'] === 'array' && node['maxItems'] === undefined) ||
    (node['additionalProperties'] !== undefined && node['maxProperties'] === undefined);
  if (free) throw new NotStructuralError(`${path}: has no maximum`);
}
