import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OnceResult } from './once.ts';

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const main = 'dist/tools/local/main.js';

/** Where a run puts its files, to see what it leaves behind. */
let temporary: string;

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'npm-start-'));
});

afterEach(() => rmSync(temporary, { recursive: true, force: true }));

const environment = () => ({ ...process.env, TMPDIR: temporary });
const leftovers = () => readdirSync(temporary).filter((f) => f.startsWith('tailscale-gateway-'));

/** Runs the built `npm start` until it ends. */
function start(...argv: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { timeout: 170_000, env: environment() };
    execFile(process.execPath, [main, ...argv], options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
  });
}

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as { port: number }).port };
}

async function freePort(): Promise<string> {
  const { server, port } = await listening();
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

describe('npm start -- --once', () => {
  const examples = ['quickstart', 'round-robin', 'least-connections', 'weighted', 'failover'];

  it.each(examples)(
    'examples/%s is as promised through the Node data plane',
    async (example) => {
      const files = ['--file', join('examples', example)];
      const gateway = ['--data-plane', 'node', '--gateway-port', await freePort()];
      const { code, stdout, stderr } = await start(...files, '--once', '--json', ...gateway);
      const result = JSON.parse(stdout || '{}') as Partial<OnceResult>;
      expect({ code, ok: result.ok, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, ok: true, stderr: '' });
      expect(stdout.trimEnd()).not.toContain('\n');
      for (const { strategy, steps, skipped } of result.services ?? []) {
        const slow = strategy === 'least-connections' ? ['slow-backend'] : [];
        const rest = ['strategy-change', 'relabel', 'kill', 'shares-while-down', 'return'];
        expect(steps.map((s) => s.step)).toEqual(['shares', ...slow, ...rest]);
        expect(skipped.map((s) => s.step)).toEqual(slow.length === 0 ? ['slow-backend'] : []);
      }
      expect(leftovers()).toEqual([]);
    },
    180_000,
  );
});

describe('npm start, interrupted', () => {
  it.each([
    ['while it starts', ['--once'], 'demo backends', 130],
    ['in the scenario', ['--once', '--requests', '10000000'], '  default/api', 130],
    ['while it shows what happens', [], 'Ctrl-C stops everything', 0],
  ])(
    '%s: nothing is left',
    async (_when, flags, cue, code) => {
      const gateway = ['--data-plane', 'node', '--gateway-port', await freePort()];
      const argv = [main, '--file', 'examples/failover', ...gateway, ...flags];
      const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'], env: environment() });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      let output = '';
      const read = (data: Buffer) => {
        output += data.toString();
        if (output.includes(cue)) child.kill('SIGINT');
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
      expect(await ended).toBe(code);
      clearTimeout(timer);
      if (code !== 0) expect(output).toMatch(/\ninterrupted by SIGINT\n$/);
      expect(leftovers()).toEqual([]);
    },
    60_000,
  );
});

describe('npm start with a mistake', () => {
  const testdata = (name: string) => join('tools/local/testdata', name);

  it.each([
    ['an unknown flag', ['--nope'], /--nope/],
    ['a file that is not there', ['--file', 'no/such.yaml'], /--file: no\/such\.yaml does not exist/],
    [
      'a manifest that is not valid',
      ['--file', testdata('no-selector.yaml')],
      /no-selector\.yaml: TailscaleServices web: spec\.selector: /,
    ],
    ['a manifest that is not YAML', ['--file', testdata('broken.yaml')], /broken\.yaml: /],
    [
      '--once without a route',
      ['--once', '--file', testdata('no-route.yaml')],
      /no HTTPRoute with a TailscaleServices in .*no-route\.yaml/,
    ],
  ])('%s: one clear line, exit 2', async (_what, argv, message) => {
    const { code, stdout, stderr } = await start(...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: .*\n$/);
    expect(stderr).toMatch(message);
  });

  it('a kind that the API does not have: one clear line, exit 2, nothing left', async () => {
    const files = ['--file', testdata('unknown-kind.yaml')];
    const { code, stderr } = await start('--gateway-port', await freePort(), ...files);
    expect(code).toBe(2);
    expect(stderr.trimEnd().split('\n').at(-1)).toBe(
      'error: Widget w: the API server has no kind Widget in example.com/v1',
    );
    expect(leftovers()).toEqual([]);
  }, 30_000);

  it('a gateway port in use: one clear line, exit 2', async () => {
    const { server, port } = await listening();
    try {
      const { code, stderr } = await start('--gateway-port', String(port));
      expect(code).toBe(2);
      expect(stderr).toBe(`error: port ${port}, for the gateway, is in use: choose another with --gateway-port\n`);
    } finally {
      server.close();
    }
  });
});
