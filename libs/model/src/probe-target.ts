import type { Machine, MeshModel, MeshService, Probe, Protocol } from './model.ts';

/** What a health checker probes. Machines of several services that are probed alike share one target. */
export interface ProbeTarget extends Probe {
  readonly id: string;
  readonly protocol: Protocol;
  readonly host: string;
  readonly port: number;
  readonly hostname?: string | undefined;
  /** `namespace/name` of the services that it serves, sorted: labels of metrics and logs. */
  readonly services: readonly string[];
  /** How long transitions must be kept: the longest failback delay of these services, in ms. */
  readonly historyMs: number;
}

/** The id under which a machine's health is reported; undefined: it is not probed. */
export function targetId(machine: Machine): string | undefined {
  const p = machine.probe;
  if (!p) return undefined;
  const path = machine.protocol === 'HTTP' || machine.protocol === 'HTTPS' ? p.path : '';
  const name = machine.hostname === undefined ? '' : `#${machine.hostname}`;
  return (
    `${machine.protocol.toLowerCase()}://${machine.host}:${machine.port}${path}${name}` +
    `?every=${p.intervalMs}&timeout=${p.timeoutMs}&up=${p.healthyThreshold}&down=${p.unhealthyThreshold}`
  );
}

/** All distinct targets of a model, by id. */
export function probeTargets(model: Pick<MeshModel, 'services'>): Map<string, ProbeTarget> {
  const found = new Map<string, { machine: Machine; probe: Probe; services: Set<string>; historyMs: number }>();
  for (const service of model.services.values()) {
    for (const machine of machinesOf(service)) {
      const id = targetId(machine);
      if (id === undefined || machine.probe === undefined) continue;
      const entry = found.get(id) ?? { machine, probe: machine.probe, services: new Set<string>(), historyMs: 0 };
      entry.services.add(`${service.namespace}/${service.name}`);
      entry.historyMs = Math.max(entry.historyMs, service.failbackDelayMs);
      found.set(id, entry);
    }
  }
  return new Map(
    [...found].map(([id, { machine, probe, services, historyMs }]) => [
      id,
      {
        ...probe,
        id,
        protocol: machine.protocol,
        host: machine.host,
        port: machine.port,
        hostname: machine.hostname,
        services: [...services].sort(),
        historyMs,
      },
    ]),
  );
}

/** All machines of a service, group by group. */
export const machinesOf = (service: MeshService): Machine[] => service.groups.flatMap((g) => g.machines);
