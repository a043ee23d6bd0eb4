import { describe, expect, it } from '@jest/globals';
import { plan } from '@tsgateway/load-balancing';
import { machinesOf, targetId } from '@tsgateway/model';
import { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import { emptyAssignment, loadAssignment } from './load-assignment.ts';
import { goldens } from './testing/goldens.ts';
import { service, type ServiceInput } from './testing/model.ts';
import { plain } from './testing/plain.ts';

const probe = { path: '/health', intervalMs: 1000, timeoutMs: 500, healthyThreshold: 2, unhealthyThreshold: 3 };

describe('loadAssignment', () => {
  it.each(goldens('load-assignment'))('$name', ({ input, expected }) => {
    const {
      service: of,
      unhealthy = [],
      addresses = {},
    } = input as {
      service: ServiceInput;
      unhealthy?: string[];
      addresses?: Record<string, string[]>;
    };
    const bare = service(of);
    const mesh = {
      ...bare,
      groups: bare.groups.map((g) => ({ ...g, machines: g.machines.map((m) => ({ ...m, probe })) })),
    };
    const health = new Map(
      machinesOf(mesh).map((m) => [
        targetId(m) ?? '',
        { healthy: !unhealthy.includes(m.id), observedSinceMs: 0, transitions: [] },
      ]),
    );
    const assignment = loadAssignment({
      clusterName: 'tsgateway/default/web/80',
      service: mesh,
      plan: plan({ service: mesh, health, nowMs: 1_000_000 }),
      addresses: new Map(Object.entries(addresses)),
    });
    const golden = expected(plain(ClusterLoadAssignment.decode(ClusterLoadAssignment.encode(assignment).finish())));
    expect(golden.actual).toBe(golden.expected);
  });

  it('is empty for a service that nobody knows', () => {
    expect(plain(emptyAssignment('a'))).toEqual({ clusterName: 'a' });
  });
});
