import type { Kind } from './kind.ts';

/** The kinds that are served now. */
export class KindRegistry {
  private readonly fixed: readonly Kind[];
  private readonly custom = new Map<string, Kind[]>();
  private index = new Map<string, Kind>();

  constructor(fixed: readonly Kind[]) {
    this.fixed = fixed;
    this.reindex();
  }

  /** Replaces what a CustomResourceDefinition serves; an empty list withdraws it. */
  setCustom(definition: string, kinds: Kind[]): void {
    if (kinds.length === 0) this.custom.delete(definition);
    else this.custom.set(definition, kinds);
    this.reindex();
  }

  find(group: string, version: string, plural: string): Kind | undefined {
    return this.index.get(`${group}/${version}/${plural}`);
  }

  /** The kind that reads a stored bucket, in its first served version. */
  ofBucket(bucket: string): Kind | undefined {
    return this.all().find((kind) => kind.bucket === bucket && kind.toStored === undefined);
  }

  all(): Kind[] {
    return [...this.index.values()];
  }

  /** Group versions in the order of discovery: core, built-in groups, custom groups. */
  groupVersions(): Map<string, Map<string, Kind[]>> {
    const groups = new Map<string, Map<string, Kind[]>>();
    for (const kind of this.index.values()) {
      let versions = groups.get(kind.group);
      if (versions === undefined) groups.set(kind.group, (versions = new Map<string, Kind[]>()));
      versions.set(kind.version, [...(versions.get(kind.version) ?? []), kind]);
    }
    return groups;
  }

  private reindex(): void {
    this.index = new Map(
      [...this.fixed, ...[...this.custom.values()].flat()].map((kind) => [
        `${kind.group}/${kind.version}/${kind.plural}`,
        kind,
      ]),
    );
  }
}
