import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '@tsgateway/kube';
import { parseAllDocuments } from 'yaml';
import { repository } from './stack.ts';

interface Manifest extends KubeObject {
  spec?: { endpoints?: { name: string; externalTarget?: string }[] };
}

/** A folder of `examples/`. */
export interface Example {
  readonly name: string;
  readonly folder: string;
  /** What is its own; Gateway, class and tailnet are the same in all examples. */
  readonly own: readonly KubeObject[];
  /** The demo backends that it wants: their names, by port. */
  readonly backends: ReadonlyMap<number, string>;
}

const ownKinds = new Set(['HTTPRoute', 'TailscaleServices', 'TailscaleEndpoints']);

/** All of them. */
export function readExamples(): Example[] {
  const root = join(repository, 'examples');
  return readdirSync(root).map((name) => {
    const folder = join(root, name);
    const manifests = readdirSync(folder).flatMap((file) =>
      parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => document.toJS() as Manifest),
    );
    const endpoints = manifests.filter((m) => m.kind === 'TailscaleEndpoints').flatMap((m) => m.spec?.endpoints ?? []);
    return {
      name,
      folder,
      own: manifests.filter((m) => ownKinds.has(m.kind ?? '')),
      backends: new Map(endpoints.map((e) => [Number(e.externalTarget?.split(':')[1]), e.name])),
    };
  });
}
