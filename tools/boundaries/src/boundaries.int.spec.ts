import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';

/** What lint says of a file's text, as `rule: message`, whatever stands in the file itself. */
function lint(file: string, text: string): string[] {
  const { stdout } = spawnSync('node_modules/.bin/eslint', ['--stdin', '--stdin-filename', file, '--format', 'json'], {
    input: text,
    encoding: 'utf8',
  });
  const [result] = JSON.parse(stdout) as { messages: { ruleId: string; message: string }[] }[];
  return (result?.messages ?? []).map((m) => `${m.ruleId}: ${m.message}`);
}

const boundary = '@nx/enforce-module-boundaries';

describe('lint keeps the layers apart', () => {
  it('a pure library imports no io, no Node built-in, no clock', () => {
    const said = lint(
      'libs/model/src/model.ts',
      `import { readFileSync } from 'node:fs';
       import { watchStream } from '@tsgateway/rpc';
       export const bad = [readFileSync, watchStream, Date.now()];`,
    );
    expect(said).toEqual(
      expect.arrayContaining([
        expect.stringContaining(`${boundary}: A project tagged with "type:pure" can only depend on`),
        expect.stringContaining('no-restricted-imports'),
        expect.stringContaining('no-restricted-globals'),
      ]),
    );
  }, 60_000);

  it('a library never imports an app', () => {
    const said = lint('libs/rpc/src/index.ts', `export { operatorSuite } from '@tsgateway/operator/suite';`);
    expect(said).toEqual([expect.stringContaining(boundary)]);
  }, 60_000);

  it('an app never imports another app, by any path', () => {
    const file = 'apps/operator/src/main.ts';
    const byName = lint(file, `export { envSchema } from '@tsgateway/health-checker/src/config.ts';`);
    const byPath = lint(file, `export { Checker } from '../../health-checker/src/checker.ts';`);
    expect(byName).toEqual([expect.stringContaining(boundary)]);
    expect(byPath).toEqual([expect.stringContaining(boundary)]);
  }, 60_000);
});
