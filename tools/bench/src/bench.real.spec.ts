import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const main = join(import.meta.dirname, '../../../dist/tools/bench/main.js');

/** Runs the benchmarks to their end, whatever they say. */
const bench = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { timeout: 60_000, maxBuffer: 2 ** 24 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    );
  });

const spreadShape = {
  ...{ median: expect.any(Number), min: expect.any(Number), max: expect.any(Number) },
  values: [expect.any(Number), expect.any(Number), expect.any(Number)],
};

describe('npm run bench', () => {
  it('prints one JSON object: per measure its peers, ratios and goals', async () => {
    const { code, stdout } = await bench('--quick', '--only', 'P4,P10', '--json');
    const report = JSON.parse(stdout) as { ok: boolean; measures: Record<string, unknown> };
    expect(report).toMatchObject({
      ...{ complete: true, quick: true, repeats: 3 },
      machine: { cpus: expect.any(Number), node: process.versions.node },
      measures: {
        P4: {
          // A machine that does other things may miss it.
          ...{ status: expect.stringMatching(/^(met|missed)$/), unit: 'ms', n: expect.any(String) },
          peers: { splice: { unit: 'ms', ...spreadShape }, 'ts-proto': { unit: 'ms', ...spreadShape } },
          ratios: { 'ts-proto / splice': spreadShape },
        },
        P10: {
          status: 'met',
          peers: { foreign: { median: 1005 }, identical: { median: 1005 } },
          goals: [
            { median: 1, met: true },
            { median: 1, met: true },
          ],
        },
      },
    });
    expect(Object.keys(report.measures)).toEqual(['P4', 'P10']);
    expect(code).toBe(report.ok ? 0 : 1);
  });

  it('refuses what it does not know', async () => {
    const { code, stderr } = await bench('--only', 'P99');
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^--only: "P99" is none of P1/) });
  });
});
