import { describe, expect, it } from '@jest/globals';

import { explain } from './explain.ts';
import { plan } from './plan.ts';
import { down, flipped, scene, up } from './testing/arbitrary-service.ts';
import type { GroupSpec, MachineSpec, ServiceSpec } from './testing/arbitrary-service.ts';

const sentence = (spec: ServiceSpec): string => {
  const { service, health } = scene(spec);
  return explain(plan({ service, health, nowMs: 100 }), service);
};
const failover = (...groups: GroupSpec[]): string => sentence({ strategy: 'failover', failbackDelayMs: 10, groups });
const primary = (...machines: MachineSpec[]): GroupSpec => ({ name: 'p', tier: 0, machines });
const secondary = (...machines: MachineSpec[]): GroupSpec => ({ name: 's', tier: 1, machines });
const last = (...machines: MachineSpec[]): GroupSpec => ({ name: 'z', tier: 2, machines });

describe('explain', () => {
  it('counts the machines that may have traffic', () => {
    const groups = [primary({ health: up() }, { health: down() }), { ...secondary({}), weight: 0 }];
    expect(sentence({ strategy: 'round-robin', groups })).toBe('2 of 3 machines healthy');
    expect(sentence({ strategy: 'weighted', groups })).toBe('1 of 2 machines healthy');
  });

  it('says when all are tried, and when there is nobody to try', () => {
    expect(sentence({ strategy: 'round-robin', groups: [primary({ health: down() }, { health: down() })] })).toBe(
      'no healthy machine: all 2 are tried',
    );
    expect(failover(primary({ health: down() }))).toBe('no healthy machine: the only one is tried');
    expect(sentence({ strategy: 'weighted', groups: [{ name: 'a', weight: 0, machines: [{}] }] })).toBe(
      'no machine may get traffic: every weight is 0',
    );
    expect(failover(primary())).toBe('there are no machines');
  });

  it('says which tier serves and why', () => {
    const back: MachineSpec = { health: flipped({ healthy: true, atMs: [90, 95] }) };
    expect(failover(primary({ health: up() }, { health: down() }), secondary({}))).toBe(
      '1 of 2 primary machines healthy',
    );
    expect(failover(primary({ health: down() }), secondary({}, { health: down() }))).toBe(
      'no primary machine is healthy: the secondary tier serves, 1 of 2 machines healthy',
    );
    expect(failover(secondary({ health: down() }), last({}))).toBe(
      'there are no primary machines: the last tier serves, 1 of 1 machines healthy',
    );
    expect(failover(primary(back, { health: down() }), secondary({}))).toBe(
      '1 of 2 primary machines healthy again: the secondary tier serves until the failback delay has passed',
    );
    const restarted = { strategy: 'failover', failbackDelayMs: 10, seed: 'secondary' } as const;
    expect(sentence({ ...restarted, groups: [primary({}), secondary({})] })).toBe(
      'no primary machine has been observed since the start: the secondary tier serves as it did before',
    );
  });
});
