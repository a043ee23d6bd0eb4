import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { validate, type KindName, type TailscaleEndpoints, type TailscaleServices } from '@tsgateway/api';
import fc from 'fast-check';
// eslint-disable-next-line @nx/enforce-module-boundaries -- goldens are YAML; only this spec reads them
import { parse, parseAllDocuments, stringify } from 'yaml';
import { buildRoute, type RouteObject } from './build-route.ts';
import { buildEndpointsService, buildService } from './build-service.ts';
import { splitHostPort } from './host.ts';

const folder = join(import.meta.dirname, '../../testdata/from-resources');
const cases = readdirSync(folder).filter((f) => f.endsWith('.in.yaml'));

/** What is in the file, as the operator reads it from the API server. All TailscaleEndpoints are selected. */
function build(text: string): unknown {
  const objects = parseAllDocuments(text).map((d) => d.toJS() as RouteObject & { kind: string });
  const all = <T>(kind: KindName): T[] =>
    objects
      .filter((o) => o.kind === kind)
      .map((o) => {
        const checked = validate(kind, o);
        if (!checked.ok) throw new Error(`${kind} ${o.metadata.name}: ${JSON.stringify(checked.errors)}`);
        return checked.value as T;
      });
  const endpoints = all<TailscaleEndpoints>('TailscaleEndpoints');
  const services = all<TailscaleServices>('TailscaleServices');
  // A file without services shows the endpoints as backends by themselves.
  const built =
    services.length > 0 ? services.map((s) => buildService(s, endpoints)) : endpoints.map(buildEndpointsService);
  const routes = objects.filter((o) => o.kind.endsWith('Route')).map((o) => buildRoute(o) ?? null);
  return { services: built, routes };
}

describe('model of resources', () => {
  it.each(cases)('%s', (file) => {
    const actual = build(readFileSync(join(folder, file), 'utf8'));
    const golden = join(folder, file.replace('.in.yaml', '.out.yaml'));
    if (process.env['UPDATE_GOLDEN']) writeFileSync(golden, stringify(actual, { aliasDuplicateObjects: false }));
    expect(JSON.parse(JSON.stringify(actual))).toEqual(parse(readFileSync(golden, 'utf8')));
  });

  it('does not depend on the order in which endpoints come', () => {
    const text = readFileSync(join(folder, 'failover.in.yaml'), 'utf8');
    const documents = text.split('\n---\n');
    fc.assert(
      fc.property(fc.shuffledSubarray(documents, { minLength: documents.length }), (shuffled) => {
        expect(build(shuffled.join('\n---\n'))).toEqual(build(text));
      }),
    );
  });
});

describe('splitHostPort', () => {
  it.each([
    ['127.0.0.1:80', { host: '127.0.0.1', port: 80 }],
    ['[fd7a::1]:443', { host: 'fd7a::1', port: 443 }],
    ['web.example.com:8080', { host: 'web.example.com', port: 8080 }],
    ['fd7a::1', undefined],
    ['web', undefined],
    ['web:0', undefined],
    ['web:65536', undefined],
  ])('%s', (text, expected) => {
    expect(splitHostPort(text)).toEqual(expected);
  });
});
