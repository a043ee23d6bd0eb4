import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { config } from '../config.ts';
import { conditionsOf } from '../status/conditions.ts';
import { gatewayFindings } from '../status/gateway-findings.ts';
import { envoyBootstrap } from './envoy-bootstrap.ts';

const addresses = ['extension-server-xds.example.svc:5006', '[fd00::1]:5006'];

it.each([
  ['envoy-bootstrap', undefined],
  ['envoy-bootstrap-tls', '/etc/tailscale-gateway/ca.crt'],
])('is the same text for the same options: %s', (name, caFile) => {
  const golden = join(import.meta.dirname, `../../testdata/${name}.yaml`);
  const text = envoyBootstrap({ addresses, caFile });
  if (process.env['UPDATE_GOLDEN']) writeFileSync(golden, text);
  expect(text).toBe(readFileSync(golden, 'utf8'));
});

it('stands in deploy/, for those who keep an EnvoyProxy of their own', () => {
  const file = join(import.meta.dirname, '../../../../deploy/envoy-gateway/envoy-proxy.yaml');
  const value = envoyBootstrap({ addresses: config.parse({}).XDS_ADDRESSES });
  const shown = readFileSync(file, 'utf8');
  expect(parse(shown)).toMatchObject({ kind: 'EnvoyProxy', spec: { bootstrap: { type: 'Merge', value } } });
});

it('fits whole into a condition', () => {
  const bootstrap = { kind: 'named', proxy: `${'n'.repeat(63)}/${'p'.repeat(253)}`, configured: false } as const;
  const nothing = { gateway: undefined, gatewayClass: undefined, routes: [], accepted: false, namedBy: [] };
  const findings = gatewayFindings(
    { ...nothing, bootstrap },
    envoyBootstrap({
      addresses: [`${'x'.repeat(253)}:5006`],
      caFile: `/${'c'.repeat(253)}`,
    }),
  );
  const [condition] = conditionsOf(findings, { previous: undefined, generation: 1, now: '2026-01-01T00:00:00Z' });
  expect(condition?.message).toBe(findings[0]?.message);
});
