import type { Column, Kind } from '../kinds/kind.ts';
import type { Json, JsonObject, KubeObject } from '../object.ts';
import { asJson } from '../object.ts';

/** What of each object a Table row carries. */
export type IncludeObject = 'Metadata' | 'Object' | 'None';

const definition = ({ name, type, format, description, priority }: Column): JsonObject => ({
  name,
  type,
  format: format ?? '',
  description,
  priority,
});

/** The metadata of an object as `meta.k8s.io/v1` PartialObjectMetadata. */
export function partialMetadata(object: KubeObject): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata as unknown as Json };
}

/** A `meta.k8s.io/v1` Table, as `kubectl get` asks for. */
export function tableOf(
  kind: Kind,
  objects: readonly KubeObject[],
  of: { metadata: JsonObject; include: IncludeObject; now: number; headers?: boolean },
): JsonObject {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: of.metadata,
    columnDefinitions: of.headers === false ? null : kind.columns.map(definition),
    rows: objects.map((object) => ({
      cells: kind.columns.map((column) => column.cell(object, of.now)),
      ...(of.include === 'None' ? {} : { object: of.include === 'Object' ? asJson(object) : partialMetadata(object) }),
    })),
  };
}
