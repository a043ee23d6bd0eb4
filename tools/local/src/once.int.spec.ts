import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built `npm start`. */
function start(...argv: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['dist/tools/local/main.js', ...argv], { timeout: 170_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
  });
}

const leftovers = () => readdirSync(tmpdir()).filter((f) => f.startsWith('tailscale-gateway-'));

describe('npm start -- --once', () => {
  const examples = ['quickstart', 'round-robin', 'least-connections', 'weighted', 'failover'];

  it.each(examples)(
    'examples/%s is as promised through the Node data plane',
    async (example) => {
      const before = leftovers();
      const { code, stdout, stderr } = await start(
        '--file',
        join('examples', example),
        '--once',
        '--json',
        '--data-plane',
        'node',
      );
      const result = JSON.parse(stdout || '{}') as { ok?: boolean; services?: { steps: { step: string }[] }[] };
      expect({ code, ok: result.ok, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, ok: true, stderr: '' });
      const steps = result.services?.flatMap((s) => s.steps.map((p) => p.step));
      expect(steps).toEqual(expect.arrayContaining(['shares', 'strategy-change', 'relabel', 'kill', 'return']));
      expect(leftovers()).toEqual(before);
    },
    180_000,
  );
});

describe('npm start with a mistake', () => {
  const oneLine = /^error: .*\n$/;

  it.each([
    ['an unknown flag', ['--nope'], /--nope/],
    ['a file that is not there', ['--file', 'no/such.yaml'], /--file: no\/such\.yaml does not exist/],
    [
      'a manifest that is not valid',
      ['--file', 'tools/local/testdata/no-selector.yaml'],
      /no-selector\.yaml: TailscaleServices web: spec\.selector: /,
    ],
    ['a manifest that is not YAML', ['--file', 'tools/local/testdata/broken.yaml'], /broken\.yaml: /],
  ])('%s: one clear line, exit 2', async (_what, argv, message) => {
    const { code, stdout, stderr } = await start(...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(oneLine);
    expect(stderr).toMatch(message);
  });

  it('a gateway port in use: one clear line, exit 2', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      const { code, stderr } = await start('--gateway-port', String(port));
      expect(code).toBe(2);
      expect(stderr).toBe(`error: port ${port}, for the gateway, is in use: choose another with --gateway-port\n`);
    } finally {
      server.close();
    }
  });
});
