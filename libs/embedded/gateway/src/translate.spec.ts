import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseAllDocuments, stringify } from 'yaml';
import type { KubeObject } from './resources.ts';
import { plain } from './testing/plain.ts';
import { readResources } from './testing/read-resources.ts';
import type { Translation } from './translate.ts';
import { translate } from './translate.ts';

const folder = join(import.meta.dirname, '..', 'testdata');
const read = (file: string): KubeObject[] =>
  parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((d) => d.toJS() as KubeObject);

/** `cluster: locality=weight[host:port ...] ...` */
const assigned = ({ clusterName, endpoints }: Translation['endpoints'][number]): string =>
  [
    `${clusterName}:`,
    ...endpoints.map(({ locality, loadBalancingWeight, lbEndpoints }) => {
      const hosts = lbEndpoints.map(({ hostIdentifier }) => {
        const at = hostIdentifier?.$case === 'endpoint' ? hostIdentifier.value.address?.address : undefined;
        const port = at?.$case === 'socketAddress' ? at.value.portSpecifier?.value : undefined;
        return at?.$case === 'socketAddress' ? `${at.value.address}:${port}` : '';
      });
      return `${locality?.region}=${loadBalancingWeight}[${hosts.join(' ')}]`;
    }),
  ].join(' ');

/** Listener and cluster settings are the same for all: shown in full by one golden, by name in the others. */
function shown(t: Translation, full: boolean): unknown {
  return {
    bound: t.bound,
    listeners: full ? plain(t.listeners) : t.listeners.map((l) => l.name),
    routeConfigurations: t.routeConfigurations.map((r) => plain(r)),
    clusters: full ? plain(t.clusters) : t.clusters.map((c) => c.name),
    endpoints: full ? t.endpoints.map((e) => plain(e)) : t.endpoints.map(assigned),
    customRules: t.customRules.map((r) => ({
      cluster: r.cluster,
      backends: r.backends.map((b) => `${b.kind} ${b.metadata.namespace}/${b.metadata.name}`),
    })),
    policies: t.policies.map((p) => `${p.metadata.namespace}/${p.metadata.name}`),
    statuses: t.statuses,
  };
}

describe('translate', () => {
  const inputs = readdirSync(folder).filter((f) => f.endsWith('.in.yaml'));
  it.each(inputs)('%s', (file) => {
    const result = translate(readResources(read(file)), { address: '127.0.0.1' });
    const text = stringify(shown(result, file === 'basic.in.yaml'), { aliasDuplicateObjects: false, lineWidth: 0 });
    const golden = join(folder, file.replace('.in.', '.out.'));
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, text);
    expect(text).toBe(readFileSync(golden, 'utf8'));
  });

  it('binds the first listener of the oldest Gateway where it is told to', () => {
    const resources = readResources(read('basic.in.yaml'));
    const at = (gatewayPort: number) => translate(resources, { address: '127.0.0.1', gatewayPort }).bound[0]?.address;
    expect(at(8080)).toBe('127.0.0.1:8080');
  });

  it('gives the same bytes whatever the order of its input', () => {
    const objects = read('precedence.in.yaml');
    const [a, b] = [objects, [...objects].reverse()].map((o) =>
      JSON.stringify(plain(translate(readResources(o), { address: '127.0.0.1' }).routeConfigurations)),
    );
    expect(a).toBe(b);
  });
});
