import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';

/** Commands of the `sh` blocks of our pages, without comments; `a && b` is two. */
function documentedCommands(): { file: string; command: string }[] {
  return globSync(['*.md', 'docs/**/*.md']).flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^```sh\n(.*?)^```$/gms)]
      .flatMap(([, block]) => (block ?? '').split('\n'))
      .flatMap((line) => line.replace(/\s+#.*$/, '').split(' && '))
      .map((command) => ({ file, command: command.trim() }))
      .filter(({ command }) => command !== ''),
  );
}

/** Those that a test runs here; all others must stand in .ci/run, word for word. */
const runHere: Record<string, () => Promise<void>> = { 'npm start': runStartUntilItServes };

/** Until the table is there, then Ctrl-C: it ends with 0. */
async function runStartUntilItServes(): Promise<void> {
  const child = spawn('npm', ['start'], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let said = '';
  const code = await new Promise<number | null>((resolve) => {
    let interrupted = false;
    const read = (text: Buffer) => {
      said += text.toString();
      if (interrupted || !/^SERVICE .*\n.*default\/api/m.test(said)) return;
      interrupted = true;
      process.kill(-(child.pid ?? 0), 'SIGINT');
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('close', resolve);
  });
  expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining('Try in another terminal') });
}

describe('every command of our pages is run', () => {
  const commands = documentedCommands();
  const ci = readFileSync('.ci/run', 'utf8')
    .split('\n')
    .map((line) => line.trim());

  it('finds them', () => {
    expect(commands.length).toBeGreaterThan(5);
  });

  it.each([...new Set(commands.map((c) => c.command))])(
    '%s',
    async (command) => {
      if (ci.includes(command)) return;
      const run = runHere[command];
      if (!run)
        throw new Error(
          `neither .ci/run nor this test runs it; it stands in ${commands.find((c) => c.command === command)?.file}`,
        );
      await run();
    },
    180_000,
  );
});
