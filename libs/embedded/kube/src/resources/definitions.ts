import { checkDefinition, customKinds } from '../kinds/custom.ts';
import type { CustomResourceDefinition } from '../kinds/custom.ts';
import type { Kind } from '../kinds/kind.ts';
import type { KindRegistry } from '../kinds/registry.ts';
import { jsonEqual } from '../object.ts';
import type { JsonObject, KubeObject } from '../object.ts';
import type { StoreEvent } from '../storage/store.ts';
import type { ResourceApi } from './resource-api.ts';

export const definitionsBucket = 'apiextensions.k8s.io/customresourcedefinitions';

/** The kind CustomResourceDefinition with the checks and the defaults of names. */
export function withDefinitionChecks(kind: Kind): Kind {
  if (kind.bucket !== definitionsBucket) return kind;
  return { ...kind, check: checkDefinition, prepare: fillNames };
}

function fillNames(next: KubeObject): void {
  const names = (next['spec'] as JsonObject | undefined)?.['names'] as JsonObject | undefined;
  if (names === undefined || typeof names['kind'] !== 'string') return;
  names['singular'] ??= names['kind'].toLowerCase();
  names['listKind'] ??= `${names['kind']}List`;
}

/** Serves what CustomResourceDefinitions define, and reports it in their status. */
export class DefinitionController {
  private readonly api: ResourceApi;
  private readonly kinds: KindRegistry;
  private readonly unsubscribe: () => void;
  private readonly specs = new Map<string, unknown>();

  constructor(api: ResourceApi) {
    this.api = api;
    this.kinds = api.kinds;
    this.unsubscribe = api.store.subscribe((event) => this.observe(event));
  }

  close(): void {
    this.unsubscribe();
  }

  private observe({ bucket, key, type, object }: StoreEvent): void {
    if (bucket !== definitionsBucket) return;
    if (type === 'DELETED') {
      this.specs.delete(key);
      this.kinds.setCustom(key, []);
      return;
    }
    if (jsonEqual(this.specs.get(key), object['spec'])) return;
    const kinds = customKinds(object as unknown as CustomResourceDefinition);
    if (!this.specs.has(key)) for (const kind of kinds) this.api.store.begin(kind.bucket);
    this.specs.set(key, object['spec']);
    this.kinds.setCustom(key, kinds);
    // The status is written after the event of the spec has reached every watcher.
    queueMicrotask(() => this.establish(key));
  }

  private establish(name: string): void {
    const kind = this.kinds.find('apiextensions.k8s.io', 'v1', 'customresourcedefinitions');
    const object = this.api.store.get(definitionsBucket, name);
    if (kind === undefined || object === undefined) return;
    const { spec } = object as unknown as CustomResourceDefinition;
    const before = (object['status'] as JsonObject | undefined)?.['conditions'];
    const since = Array.isArray(before) ? (before[0] as JsonObject)['lastTransitionTime'] : this.api.now();
    const condition = (type: string, reason: string, message: string): JsonObject => ({
      type,
      status: 'True',
      reason,
      message,
      lastTransitionTime: since ?? null,
    });
    const status = {
      acceptedNames: spec.names as unknown as JsonObject,
      conditions: [
        condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
        condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ],
      storedVersions: spec.versions.filter((v) => v.storage).map((v) => v.name),
    };
    if (!jsonEqual(object['status'], status)) this.api.writeInternal(kind, { ...object, status });
  }
}
