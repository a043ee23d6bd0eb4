import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { generate } from 'selfsigned';
import { parse, stringify } from 'yaml';
import { envoyBootstrap } from './envoy-bootstrap.ts';

/** `ENVOY_PATH`, else one that was downloaded before. */
function envoyBinary(): string | undefined {
  const cache = join(homedir(), '.cache/tailscale-gateway');
  const cached = existsSync(cache) ? readdirSync(cache).filter((f) => f.startsWith('envoy-1')) : [];
  const candidates = [process.env['ENVOY_PATH'] ?? '', ...cached.map((f) => join(cache, f, 'envoy/_bin/envoy'))];
  return candidates.find((path) => path !== '' && existsSync(path));
}

const envoy = envoyBinary();
(envoy === undefined ? it.skip : it).each(['plain text', 'TLS'])('is taken by Envoy: %s', async (kind) => {
  const folder = mkdtempSync(join(tmpdir(), 'envoy-bootstrap-'));
  try {
    const file = join(folder, 'envoy.yaml');
    const caFile = join(folder, 'ca.crt');
    writeFileSync(caFile, (await generate([{ name: 'commonName', value: 'ca' }], { keyType: 'ec' })).cert);
    const addresses = ['localhost:5006', '[::1]:5006'];
    const text = envoyBootstrap({ addresses, ...(kind === 'TLS' && { caFile }) });
    const bootstrap = parse(text) as object;
    writeFileSync(file, stringify({ node: { id: 'envoy', cluster: 'spec' }, ...bootstrap }));
    const args = ['--mode', 'validate', '-c', file, '--log-level', 'warning'];
    const { stdout, stderr } = await promisify(execFile)(envoy ?? '', args, { timeout: 30_000 });
    // That it is valid says the exit code.
    expect(stdout + stderr).not.toMatch(/deprecated/i);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
