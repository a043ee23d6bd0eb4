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
  const interrupt = () => process.kill(-(child.pid ?? 0), 'SIGINT');
  const impatient = setTimeout(interrupt, startDeadlineMs);
  let said = '';
  let served = false;
  const code = await new Promise<number | null>((resolve) => {
    const read = (text: Buffer) => {
      said += text.toString();
      if (served || !/^default\/api: failover$/m.test(said)) return;
      served = true;
      interrupt();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('close', resolve);
  });
  clearTimeout(impatient);
  expect({ served, code, said }).toEqual({
    served: true,
    code: 0,
    said: expect.stringContaining('Try in another terminal'),
  });
}

const startDeadlineMs = 90_000;

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
