// Writes deploy/crds/*.yaml; with --check it only compares, and fails where a file differs.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// eslint-disable-next-line @nx/enforce-module-boundaries -- this script is not part of the library, which stays pure
import { stringify } from 'yaml';

import { customResourceDefinitions } from './src/custom-resource-definition.ts';

const HEADER = '# Generated from libs/api by `npx nx run api:generate`. Do not edit.\n';

/** The text of every file of deploy/crds, by file name. */
export function files(): Map<string, string> {
  const crds = customResourceDefinitions();
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: crds.map((crd) => `${crd.metadata.name}.yaml`),
  };
  const documents: [string, unknown][] = [
    ...crds.map((crd): [string, unknown] => [`${crd.metadata.name}.yaml`, crd]),
    ['kustomization.yaml', kustomization],
  ];
  return new Map(
    documents.map(([name, document]) => [
      name,
      HEADER + stringify(document, { aliasDuplicateObjects: false, lineWidth: 0 }),
    ]),
  );
}

/** Names of the files in `folder` that are missing, differ, or should not be there. */
export function drift(folder: string): string[] {
  const wanted = files();
  const present = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  return [...new Set([...wanted.keys(), ...present.keys()])].filter((name) => wanted.get(name) !== present.get(name));
}

function write(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const wanted = files();
  for (const name of readdirSync(folder)) if (!wanted.has(name)) rmSync(join(folder, name), { recursive: true });
  for (const [name, text] of wanted) writeFileSync(join(folder, name), text);
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, '../../deploy/crds');
  if (process.argv.includes('--check')) {
    const different = drift(folder);
    if (different.length > 0) {
      console.error(`deploy/crds differs from libs/api: ${different.join(', ')}. Run \`npx nx run api:generate\`.`);
      process.exitCode = 1;
    }
  } else {
    write(folder);
  }
}
