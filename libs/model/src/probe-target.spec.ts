import { describe, expect, it } from '@jest/globals';
import type { Machine, MeshService, Probe } from './model.ts';
import { probeTargets, targetId } from './probe-target.ts';

const probe: Probe = { path: '/health', intervalMs: 500, timeoutMs: 400, healthyThreshold: 2, unhealthyThreshold: 3 };
const machine = (more: Partial<Machine> = {}): Machine => ({
  id: 'web/web-0',
  host: '100.64.0.1',
  port: 80,
  protocol: 'HTTP',
  weight: 1,
  probe,
  ...more,
});
const service = (name: string, machines: Machine[], failbackDelayMs = 1000): MeshService => ({
  kind: 'TailscaleServices',
  namespace: 'default',
  name,
  generation: 1,
  strategy: 'round-robin',
  failbackDelayMs,
  groups: [{ name: 'web', source: 'endpoints', weight: 1, tier: 0, machines }],
});
const targetsOf = (...services: MeshService[]) => [
  ...probeTargets({ services: new Map(services.map((s) => [s.name, s])) }).values(),
];

describe('targetId', () => {
  it('is undefined for a machine that is not probed', () => {
    expect(targetId(machine({ probe: undefined }))).toBeUndefined();
  });

  it.each<[string, Partial<Machine>]>([
    ['host', { host: '100.64.0.2' }],
    ['port', { port: 81 }],
    ['protocol', { protocol: 'TCP' }],
    ['hostname', { hostname: 'web.example' }],
    ['path', { probe: { ...probe, path: '/live' } }],
    ['interval', { probe: { ...probe, intervalMs: 1 } }],
    ['timeout', { probe: { ...probe, timeoutMs: 1 } }],
    ['healthyThreshold', { probe: { ...probe, healthyThreshold: 1 } }],
    ['unhealthyThreshold', { probe: { ...probe, unhealthyThreshold: 1 } }],
  ])('differs when the %s does', (_what, more) => {
    expect(targetId(machine(more))).not.toEqual(targetId(machine()));
  });

  it('does not depend on the path where the protocol has none, nor on the id or weight', () => {
    const tcp = machine({ protocol: 'TCP' });
    expect(targetId({ ...tcp, probe: { ...probe, path: '/other' } })).toEqual(targetId(tcp));
    expect(targetId(machine({ id: 'other/0', weight: 7 }))).toEqual(targetId(machine()));
  });
});

describe('probeTargets', () => {
  it('makes one target of machines that are probed alike, and names all their services', () => {
    const targets = targetsOf(service('b', [machine()]), service('a', [machine()], 5000));
    expect(targets).toHaveLength(1);
    expect(targets[0]).toMatchObject({ services: ['default/a', 'default/b'], historyMs: 5000, ...probe });
  });

  it('leaves out what is not probed', () => {
    expect(targetsOf(service('a', [machine({ probe: undefined })]))).toEqual([]);
  });
});
