import type { Json, KubeObject } from '../object.ts';
import { valueAt } from '../object.ts';
import { age } from './age.ts';
import { parseJsonPath } from './json-path.ts';
import type { Column } from './kind.ts';

export const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  priority: 0,
  cell: (object) => object.metadata.name,
};

export const ageColumn: Column = {
  name: 'Age',
  type: 'string',
  description: 'Time since the object was created.',
  priority: 0,
  cell: (object, now) => age(object.metadata.creationTimestamp, now),
};

/** A column computed from an object. */
export function column(
  name: string,
  cell: (object: KubeObject) => unknown,
  more: { type?: string; wide?: boolean } = {},
): Column {
  return {
    name,
    type: more.type ?? 'string',
    description: name,
    priority: more.wide === true ? 1 : 0,
    cell: (object) => {
      const value = cell(object);
      return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : '<none>';
    },
  };
}

/** A column of a field. */
export function fieldColumn(name: string, path: string, more: { type?: string; wide?: boolean } = {}): Column {
  const steps = path.split('.');
  return column(name, (object) => valueAt(object, steps), more);
}

/** An `additionalPrinterColumns` entry. */
export interface PrinterColumn {
  name: string;
  type: string;
  jsonPath: string;
  format?: string;
  description?: string;
  priority?: number;
}

/** @throws {Error} where the JSONPath is none of the supported forms. */
export function printerColumn(of: PrinterColumn): Column {
  const select = parseJsonPath(of.jsonPath);
  return {
    name: of.name,
    type: of.type,
    ...(of.format === undefined ? {} : { format: of.format }),
    description: of.description ?? `Custom resource definition column (in JSONPath format): ${of.jsonPath}`,
    priority: of.priority ?? 0,
    cell: (object, now) => {
      const [first] = select(object) as Json[];
      if (first === undefined || first === null) return null;
      switch (of.type) {
        case 'date':
          return age(first, now);
        case 'integer':
          return typeof first === 'number' ? Math.trunc(first) : null;
        case 'number':
          return typeof first === 'number' ? first : null;
        case 'boolean':
          return typeof first === 'boolean' ? first : null;
        default:
          return typeof first === 'string' ? first : JSON.stringify(first);
      }
    },
  };
}
