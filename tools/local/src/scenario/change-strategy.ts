import type { TailscaleServices } from '@tsgateway/api';
import type { MeshService } from '@tsgateway/model';
import { nameOf, servicesRef } from '../target.ts';
import { DoesNotFit, type Scenario, type Step } from './step.ts';
import { servingMachines, underLoad } from './traffic.ts';

/** Under load: to another strategy that shows in the traffic, and back, without a failed request. */
export async function changeStrategy(scenario: Scenario): Promise<Step> {
  const { stack, target, service } = scenario;
  const only = service.groups.at(-1);
  if (service.groups.length < 2 || !only) throw new DoesNotFit('it needs two or more TailscaleEndpoints');
  const ref = servicesRef(target);
  const { strategy, failoverConfig } = (await stack.client.get<TailscaleServices>(ref)).spec.loadBalancing;
  const to = strategy === 'failover' ? 'round-robin' : 'failover';
  const other =
    strategy === 'failover'
      ? { strategy: to }
      : { strategy: to, failoverConfig: { primaryEndpoints: [only.name], failbackDelay: '0s' } };
  const before = servingMachines(service);
  const after = servingMachines(
    strategy === 'failover' ? { ...service, strategy: 'round-robin' } : onlyGroup(service, only.name),
  );
  if (before.size === after.size && [...before].every((m) => after.has(m))) {
    throw new DoesNotFit(`the same machines serve by ${strategy} and by ${to}`);
  }

  let [appliedMs, restoredMs] = [0, 0];
  const result = await underLoad(scenario, async (recent) => {
    await recent.untilServedBy(before, { what: `${nameOf(target)}: traffic by ${strategy}` });
    const changedAt = Date.now();
    await stack.client.merge(ref, { spec: { loadBalancing: other } });
    appliedMs = (await recent.untilServedBy(after, { what: `${nameOf(target)}: traffic by ${to}` })) - changedAt;
    const restoredAt = Date.now();
    await stack.client.merge(ref, {
      spec: { loadBalancing: { strategy, failoverConfig: failoverConfig ?? null } },
    });
    restoredMs =
      (await recent.untilServedBy(before, { what: `${nameOf(target)}: traffic by ${strategy} again` })) - restoredAt;
  });
  const failed = result.failures.length;
  return {
    step: 'strategy-change',
    ok: result.requests > 0 && failed === 0,
    seen: `${strategy} to ${to} and back: traffic followed in ${appliedMs} ms and ${restoredMs} ms, ${failed} of ${result.requests} requests failed`,
    to,
    appliedMs,
    restoredMs,
    requests: result.requests,
    failed,
  };
}

const onlyGroup = (service: MeshService, name: string): MeshService => ({
  ...service,
  strategy: 'failover',
  groups: service.groups.map((g) => ({ ...g, tier: g.name === name ? 0 : 2 })),
});
