import type { TailscaleServices } from '@tsgateway/api';
import { endpointsRef, nameOf, servicesRef } from '../target.ts';
import { DoesNotFit, type Scenario, type Step } from './step.ts';
import { servingMachines, underLoad } from './traffic.ts';

/** Under load: an endpoint that loses its label loses its traffic, and gets it back with the label. */
export async function relabel(scenario: Scenario): Promise<Step> {
  const { stack, target, service } = scenario;
  const { selector } = (await stack.client.get<TailscaleServices>(servicesRef(target))).spec;
  const [label, value] = Object.entries(selector.matchLabels ?? {})[0] ?? [];
  if (label === undefined) throw new DoesNotFit('the selector has no matchLabels');
  const serving = servingMachines(service);
  const group = service.groups.findLast((g) => g.source === 'endpoints' && g.machines.some((m) => serving.has(m.id)));
  if (!group) throw new DoesNotFit('no TailscaleEndpoints serve');
  const without = servingMachines({ ...service, groups: service.groups.filter((g) => g !== group) });

  const ref = endpointsRef(target, group.name);
  let [trafficGoneMs, trafficBackMs] = [0, 0];
  const result = await underLoad(scenario, async (recent) => {
    await recent.untilServedBy(serving, { what: `${nameOf(target)}: traffic to ${group.name}` });
    const removedAt = Date.now();
    await stack.client.merge(ref, { metadata: { labels: { [label]: null } } });
    const goneAt = await recent.untilServedBy(without, { what: `${nameOf(target)}: no traffic to ${group.name}` });
    trafficGoneMs = goneAt - removedAt;
    const restoredAt = Date.now();
    await stack.client.merge(ref, { metadata: { labels: { [label]: value } } });
    const backAt = await recent.untilServedBy(serving, { what: `${nameOf(target)}: traffic to ${group.name} again` });
    trafficBackMs = backAt - restoredAt;
  });
  const failed = result.failures.length;
  return {
    step: 'relabel',
    ok: result.requests > 0 && failed === 0,
    seen: `${group.name} left ${trafficGoneMs} ms after its label ${label} was removed, was back ${trafficBackMs} ms after it was restored, ${failed} of ${result.requests} requests failed`,
    endpoints: group.name,
    trafficGoneMs,
    trafficBackMs,
    requests: result.requests,
    failed,
  };
}
