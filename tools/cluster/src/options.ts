import { join } from 'node:path';
import { parseArgs } from 'node:util';

export type Level = 'api' | 'node';

/** What the user typed after `npm run cluster --`. */
export type Options =
  | { readonly command: 'help' }
  | { readonly command: 'up'; readonly name: string; readonly level: Level }
  | { readonly command: 'down' | 'status'; readonly name: string }
  | { readonly command: 'kubeconfig'; readonly name: string; readonly content: boolean }
  | { readonly command: 'build'; readonly image: string; readonly file: string; readonly context: string }
  | { readonly command: 'load'; readonly name: string; readonly image: string };

export const usage = `npm run cluster -- COMMAND [--name NAME]

  up [--level api|node]   start a cluster, and leave it running; prints the line that points kubectl at it
                          api: etcd, kube-apiserver, kube-controller-manager on loopback (default)
                          node: also a node with real pods, Services and DNS (root, Linux)
  down                    stop it and remove its files
  status                  each part: pid, health, version; exits with 1 unless all are ok
  kubeconfig [--content]  the kubeconfig's path, or what is in it
  build --tag IMAGE [--file DOCKERFILE] CONTEXT
                          build an image, without Docker and without a registry
  load IMAGE              give the node an image that was built

  --name NAME             which cluster (default "default"): lower-case letters, digits and dashes`;

/** A mistake of the user's: one line that names it and the fix. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @throws UsageError when a command or a flag is unknown, missing or does not belong to the command */
export function parseOptions(argv: readonly string[]): Options {
  const { values, positionals } = parse(argv);
  const [command, ...more] = positionals;
  if (values.help || command === 'help') return { command: 'help' };
  const name = values.name ?? 'default';
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) {
    throw new UsageError(`--name: "${name}" is not up to 32 lower-case letters, digits and dashes`);
  }
  if (values.level !== undefined && command !== 'up') throw new UsageError('--level: belongs to up');
  if (values.content && command !== 'kubeconfig') throw new UsageError('--content: belongs to kubeconfig');
  for (const flag of ['tag', 'file'] as const) {
    if (values[flag] !== undefined && command !== 'build') throw new UsageError(`--${flag}: belongs to build`);
  }
  const [argument, ...rest] = more;
  const unexpected = command === 'build' || command === 'load' ? rest[0] : argument;
  if (unexpected !== undefined) throw new UsageError(`"${unexpected}": one command at a time`);
  switch (command) {
    case 'up': {
      const { level = 'api' } = values;
      if (level !== 'api' && level !== 'node') throw new UsageError(`--level: "${level}" is none of api, node`);
      return { command, name, level };
    }
    case 'down':
    case 'status':
      return { command, name };
    case 'kubeconfig':
      return { command, name, content: values.content ?? false };
    case 'build': {
      if (values.tag === undefined) throw new UsageError('--tag: what is the image to be called?');
      if (argument === undefined) throw new UsageError('build: which folder is the context?');
      return { command, image: values.tag, file: values.file ?? join(argument, 'Dockerfile'), context: argument };
    }
    case 'load':
      if (argument === undefined) throw new UsageError('load: which image?');
      return { command, name, image: argument };
    default:
      throw new UsageError(
        command === undefined
          ? `which command? (--help lists them)`
          : `"${command}": no such command (--help lists them)`,
      );
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        name: { type: 'string' },
        level: { type: 'string' },
        content: { type: 'boolean' },
        tag: { type: 'string', short: 't' },
        file: { type: 'string', short: 'f' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    const [message] = (error as Error).message.split('. ');
    throw new UsageError(`${message} (--help lists the flags)`, { cause: error });
  }
}
