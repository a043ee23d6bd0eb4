import { setTimeout as delay } from 'node:timers/promises';
import type { Stack } from '../stack.ts';
import type { Target } from '../target.ts';
import { type Overview, readOverview } from './overview.ts';
import { Screen } from './screen.ts';
import { changesOf, tableOf } from './text.ts';

export interface WatchOptions {
  readonly stack: Stack;
  readonly targets: readonly Target[];
  /** By `performance.now()`. */
  readonly startedAt: number;
  readonly signal: AbortSignal;
}

const everyMs = 1000;

/**
 * Shows what runs and who gets the requests until the signal is aborted: on a terminal a table that is redrawn, else
 * the table once, and then a line for each change of a state.
 */
export async function watch(options: WatchOptions): Promise<void> {
  const { stack, signal } = options;
  process.stdout.write(whatNext(options));
  const view = process.stdout.isTTY ? onTerminal(process.stdout) : asLines(options.startedAt);
  try {
    while (!signal.aborted) {
      // The Kubernetes API may be gone for a moment, like everything here: what was shown stays.
      const overview = await readOverview(stack).catch(() => undefined);
      if (overview && !signal.aborted) view.show(overview);
      await delay(everyMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    view.close();
  }
}

interface View {
  show(overview: Overview): void;
  close(): void;
}

function onTerminal(terminal: typeof process.stdout): View {
  const screen = new Screen(terminal);
  return { show: (overview) => screen.draw(tableOf(overview)), close: () => screen.close() };
}

function asLines(startedAt: number): View {
  let last: Overview | undefined;
  return {
    show: (overview) => {
      const time = `${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  `;
      const lines = last ? changesOf(last, overview).map((line) => time + line) : tableOf(overview);
      if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
      last = overview;
    },
    close: () => undefined,
  };
}

function whatNext({ stack, targets }: WatchOptions): string {
  const { gatewayUrl, kubeconfigPath, ports, workDir, backends } = stack;
  const curls = targets.map(
    (t) => `  curl ${t.host === undefined ? '' : `-H 'Host: ${t.host}' `}${gatewayUrl}${t.path}`,
  );
  const endpoints = backends[0]?.id.split('/')[0] ?? 'NAME';
  return [
    '',
    'Try in another terminal:',
    ...curls,
    `  export KUBECONFIG=${kubeconfigPath}`,
    '  kubectl get tailscaleservices,tailscaleendpoints,tailscaletailnets',
    `  kubectl label tailscaleendpoints ${endpoints} app-    # out of its services`,
    '  kubectl edit tailscaleservices    # give it another strategy',
    '  kill -9 PID    # of a backend or another process, while requests run',
    `  grpcurl -plaintext 127.0.0.1:${ports.hooks} grpc.health.v1.Health/Check`,
    `Logs: ${workDir}/logs. Ctrl-C stops everything.`,
    '',
    '',
  ].join('\n');
}
