import { setTimeout as delay } from 'node:timers/promises';
import type { TailscaleServices } from '@tsgateway/api';
import type { BackendStats } from '@tsgateway/embedded-gateway';
import { machinesOf, type Machine } from '@tsgateway/model';
import type { Manifest } from './manifests.ts';
import { isReady, serviceNames, type Stack } from './stack.ts';
import { serviceOf, servicesRef, type Target, targetsOf } from './target.ts';

const refreshMs = 1000;

/** What runs and who gets the requests: redrawn on a terminal, else printed whenever it changes. */
export class Table {
  readonly #stack: Stack;
  readonly #targets: readonly Target[];
  #drawn = 0;
  #last = '';

  constructor(stack: Stack, manifests: readonly Manifest[]) {
    this.#stack = stack;
    this.#targets = targetsOf(manifests);
  }

  /** Until the signal is aborted. */
  async show(signal: AbortSignal): Promise<void> {
    process.stdout.write(`${this.#whatNext()}\n`);
    while (!signal.aborted) {
      this.#draw(await this.#lines());
      await delay(refreshMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #draw(lines: readonly string[]): void {
    const text = `${lines.join('\n')}\n`;
    if (text === this.#last) return;
    this.#last = text;
    if (process.stdout.isTTY && this.#drawn > 0) process.stdout.write(`\x1b[${this.#drawn}A\x1b[0J`);
    process.stdout.write(text);
    this.#drawn = lines.length;
  }

  async #lines(): Promise<string[]> {
    const stats = await this.#stack.stats().catch((): BackendStats[] => []);
    const backends: string[][] = [];
    for (const target of this.#targets) backends.push(...(await this.#rowsOf(target, stats)));
    const processes = await Promise.all(
      serviceNames.map(async (name) => {
        const child = this.#stack.services[name];
        const ready = child.running && (await isReady(name, this.#stack.ports).catch(() => false));
        const state = ready ? 'ready' : child.running ? 'starting' : 'down';
        return [name, state, String(child.pid ?? '-'), child.restarts === 0 ? '' : `restarted ${child.restarts}x`];
      }),
    );
    return [
      ...columns([['SERVICE', 'STRATEGY', 'BACKEND', 'TIER', 'WEIGHT', 'HEALTH', 'REQUESTS', 'PID'], ...backends]),
      '',
      ...columns([['PROCESS', 'STATE', 'PID', ''], ...processes]),
    ];
  }

  async #rowsOf(target: Target, stats: readonly BackendStats[]): Promise<string[][]> {
    const status = (await this.#stack.client.get<TailscaleServices>(servicesRef(target))).status;
    const service = await serviceOf(this.#stack, target);
    const cluster = `tsgateway/${target.namespace}/${target.name}/`;
    const active = status?.loadBalancingStatus?.failoverStatus?.activeTier;
    return machinesOf(service).map((machine) => {
      const group = service.groups.find((g) => g.machines.includes(machine));
      const tier = ['primary', 'secondary', 'other'][group?.tier ?? 0] ?? '';
      const own = stats.filter((s) => s.cluster.startsWith(cluster) && s.address === `${machine.host}:${machine.port}`);
      return [
        `${target.namespace}/${target.name}`,
        service.strategy,
        machine.id,
        service.strategy === 'failover' ? `${tier}${tier === active ? ' *' : ''}` : '',
        String(status?.loadBalancingStatus?.endpointWeights?.[group?.name ?? ''] ?? group?.weight ?? ''),
        own.length === 0 ? 'unknown' : own.every((s) => s.healthy) ? 'healthy' : 'UNHEALTHY',
        String(own.reduce((sum, s) => sum + s.requests, 0)),
        this.#pidOf(target, machine),
      ];
    });
  }

  #pidOf(target: Target, machine: Machine): string {
    const demo = this.#stack.backends.find((b) => b.namespace === target.namespace && b.id === machine.id);
    return demo === undefined ? '' : String(demo.process.pid ?? 'killed');
  }

  #whatNext(): string {
    const { gatewayUrl, kubeconfigPath, ports, workDir } = this.#stack;
    const curls = this.#targets.map(
      (t) => `  curl ${t.host === undefined ? '' : `-H 'Host: ${t.host}' `}${gatewayUrl}${t.path}`,
    );
    return [
      '',
      'Try in another terminal:',
      ...curls,
      `  export KUBECONFIG=${kubeconfigPath}`,
      '  kubectl get tailscaleservices,tailscaleendpoints,tailscaletailnets',
      '  kubectl label tailscaleendpoints NAME app-    # it leaves the services that selected it',
      '  kill -9 PID    # of a backend, or of one of the four processes, while requests run',
      `  grpcurl -plaintext 127.0.0.1:${ports.hooks} grpc.health.v1.Health/Check`,
      `Logs: ${workDir}/logs. Ctrl-C stops everything.`,
      '',
    ].join('\n');
  }
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => (r[i] ?? '').length)));
  return rows.map((r) =>
    r
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
