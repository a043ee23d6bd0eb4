import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { API_VERSION, GROUP, isKindName, kinds, validate } from '@tsgateway/api';
import { parseAllDocuments } from 'yaml';
import { UsageError } from './options.ts';

/** A Kubernetes object as the user wrote it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/**
 * Reads manifests from files and folders (their `.yaml` and `.yml` files, by name, not deeper). Of two with the same
 * kind and name, the last counts.
 * @throws UsageError that names the file, the object and the field of the first mistake.
 */
export function loadManifests(paths: readonly string[]): Manifest[] {
  const manifests = paths.flatMap(filesOf).flatMap(readManifests);
  if (manifests.length === 0) throw new UsageError(`no manifests in ${paths.join(', ')}`);
  return [...new Map(manifests.map((m) => [identity(m), m])).values()];
}

const identity = ({ apiVersion, kind, metadata }: Manifest): string =>
  [apiVersion.replace(/\/?[^/]*$/, ''), kind, metadata.namespace ?? 'default', metadata.name].join('/');

function filesOf(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new UsageError(`--file: ${path} does not exist`);
  if (!found.isDirectory()) return [path];
  const files = readdirSync(path)
    .filter((f) => /\.ya?ml$/.test(f))
    .sort();
  if (files.length === 0) throw new UsageError(`--file: ${path} holds no .yaml file`);
  return files.map((f) => join(path, f));
}

function readManifests(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).flatMap((document) => {
    const error = document.errors[0];
    if (error) throw new UsageError(`${file}: ${error.message.split('\n')[0]}`);
    const value: unknown = document.toJS();
    return value === null || value === undefined ? [] : unlisted(value).map((object) => check(file, object));
  });
}

/** `kind: List`, as `kubectl get -o yaml` prints it. */
function unlisted(value: unknown): unknown[] {
  const { kind, items } = value as { kind?: unknown; items?: unknown };
  return kind === 'List' && Array.isArray(items) ? items : [value];
}

function check(file: string, value: unknown): Manifest {
  const { apiVersion, kind, metadata } = (typeof value === 'object' ? value : {}) as Partial<Manifest>;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
    throw new UsageError(`${file}: an object without apiVersion and kind`);
  }
  if (typeof metadata?.name !== 'string') throw new UsageError(`${file}: a ${kind} without metadata.name`);
  if (apiVersion.startsWith(`${GROUP}/`)) {
    if (apiVersion !== API_VERSION || !isKindName(kind)) {
      throw new UsageError(
        `${file}: ${apiVersion} ${kind} is no kind of ours: ${Object.keys(kinds).join(', ')} of ${API_VERSION}`,
      );
    }
    const verdict = validate(kind, value, { unknownFields: 'reject' });
    const first = verdict.ok ? undefined : verdict.errors[0];
    if (first) throw new UsageError(`${file}: ${kind} ${metadata.name}: ${first.path}: ${first.message}`);
  }
  return value as Manifest;
}
