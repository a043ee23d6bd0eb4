import { z } from 'zod';

import { listOf, mapListOf, mapOf } from './collection.ts';
import { conditions } from './condition.ts';
import { duration } from './duration.ts';
import { healthCheck } from './health-check.ts';
import { ageColumn, defineKind } from './kind.ts';
import type { ResourceInputOf, ResourceOf } from './kind.ts';
import { bigCount, integer, portNumber } from './number.ts';
import { backendProtocol, templatePort } from './ports.ts';
import { proxyBasics } from './proxy.ts';
import { withRules } from './rule.ts';
import { labelMap, labelSelector } from './selector.ts';
import { dnsLabel, dnsSubdomain, host, tag, text, timestamp, vipServiceName, vipServicePort } from './text.ts';

const vipService = z.object({
  name: vipServiceName.describe('Name in the tailnet. svc:<name of this object> unless set.').optional(),
  ports: listOf(vipServicePort, { max: 64 }).describe('Ports that it serves, such as tcp:80.').optional(),
  tags: listOf(tag, { max: 64 }).describe('Its tags.').optional(),
  comment: text(1024).describe('A note for people.').optional(),
  autoApprove: z
    .boolean()
    .describe("Whether its hosts are approved without an administrator, as far as the tailnet's policy lets.")
    .default(true),
  annotations: mapOf(text(4096), { max: 64 }).describe('Annotations of the VIP service in the tailnet.').optional(),
});

const groupName = dnsSubdomain.describe('Name of a TailscaleEndpoints, of an external or of a discovered service.');

const failoverConfig = withRules(
  z.object({
    primaryEndpoints: listOf(groupName, { max: 64 })
      .describe('They get the requests while any of them is healthy.')
      .optional(),
    secondaryEndpoints: listOf(groupName, { max: 64 })
      .describe('They get the requests while no primary is healthy. Those in neither list come after them.')
      .optional(),
    failbackDelay: duration
      .describe('How long the primaries must have been fit before they get the requests back. 0s: at once.')
      .default('60s'),
  }),
  [
    {
      cel: '!has(self.primaryEndpoints) || !has(self.secondaryEndpoints) || !self.primaryEndpoints.exists(name, name in self.secondaryEndpoints)',
      message: 'must not name what primaryEndpoints names',
      fieldPath: '.secondaryEndpoints',
      holds: ({ primaryEndpoints = [], secondaryEndpoints = [] }) =>
        !primaryEndpoints.some((name) => secondaryEndpoints.includes(name)),
    },
  ],
);

const loadBalancing = z.object({
  strategy: z
    .enum(['round-robin', 'least-connections', 'weighted', 'failover'])
    .describe('How requests are spread over the healthy backends.')
    .default('round-robin'),
  weights: mapOf(integer({ max: 1_000_000 }), { max: 256 })
    .describe(
      'Shares by name of the TailscaleEndpoints, external or discovered service: 1 unless set, 0 is none. Used by weighted.',
    )
    .optional(),
  failoverConfig: failoverConfig.describe('The tiers. Used by failover.').optional(),
  healthCheck: healthCheck({ interval: '30s', timeout: '5s' })
    .describe('How backends are probed, unless their TailscaleEndpoints says otherwise.')
    .prefault({}),
});

const endpointTemplate = z.object({
  tailnet: dnsSubdomain.describe('Name of the TailscaleTailnet.'),
  tags: listOf(tag, { max: 64 }).describe('Tags of the proxies.').optional(),
  ports: mapListOf(templatePort, { keys: ['port', 'protocol'], max: 64 })
    .describe('Ports that the proxies serve.')
    .optional(),
  proxy: z.object(proxyBasics).describe('The proxies.').optional(),
  labels: labelMap
    .describe(
      'Labels of the TailscaleEndpoints. What matchLabels asks for is added; the result must match the selector.',
    )
    .optional(),
  nameSuffix: z
    .string()
    .max(32)
    .regex(/^-?[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be the end of a DNS label, such as auto')
    .describe('What follows the name of this object and a dash. "auto" unless set.')
    .optional(),
});

const externalService = z.object({
  name: dnsLabel.describe('Name of the service, unique in this object.'),
  address: host.describe('DNS name or IP address.'),
  port: portNumber.describe('Port there.'),
  protocol: backendProtocol.describe('What it speaks. HTTPS: it is called over TLS, by its name.').default('HTTP'),
  weight: integer({ min: 1, max: 100 })
    .describe('Its share in the strategy weighted, unless weights has it.')
    .default(1),
});

const serviceDiscovery = z.object({
  discoverVIPServices: z
    .boolean()
    .describe('Whether VIP services of the tailnet are attached as backends. They are never created.')
    .default(false),
  vipServiceSelector: z
    .object({
      tags: listOf(tag, { max: 64 }).describe('VIP services that have any of these tags.').optional(),
      serviceNames: listOf(vipServiceName, { max: 64 }).describe('VIP services by name.').optional(),
    })
    .describe('Which ones.')
    .optional(),
  externalServices: mapListOf(externalService, { keys: ['name'], max: 256 })
    .describe('Backends outside the tailnet and the cluster.')
    .optional(),
});

const spec = z.object({
  selector: labelSelector.describe(
    'Which TailscaleEndpoints of this namespace are the backends, by their labels. An empty selector selects all of them.',
  ),
  vipService: vipService.describe('The VIP service in the tailnet.').optional(),
  loadBalancing: loadBalancing.describe('How requests are spread, and how backends are probed.').prefault({}),
  endpointTemplate: endpointTemplate
    .describe('Made into a TailscaleEndpoints where the selector selects none.')
    .optional(),
  serviceDiscovery: serviceDiscovery.describe('Backends that no TailscaleEndpoints describes.').optional(),
});

const selectedEndpoints = z.object({
  name: text(253).describe('Name of the TailscaleEndpoints.'),
  namespace: text(63).describe('Its namespace.'),
  labels: mapOf(text(63), { max: 64 }).describe('Its labels, when it was selected.').optional(),
  machines: listOf(text(253), { max: 1000 }).describe('Its machines.').optional(),
  status: z.enum(['Ready', 'Pending', 'Failed', 'NotFound']).describe('Its state.').optional(),
  healthStatus: z
    .object({
      healthyMachines: integer().describe('Machines that are healthy.'),
      unhealthyMachines: integer().describe('Machines that are not.'),
      lastHealthCheck: timestamp.describe('When the health of one last changed.').optional(),
    })
    .describe('Health of its machines.')
    .optional(),
  lastSelected: timestamp.describe('When it was selected.').optional(),
});

const serviceInfo = z.object({
  multiOperatorService: z.boolean().describe('Whether more than one operator serves the VIP service.'),
  ownerOperator: text(253).describe('Id of the operator that decides ports, tags and comment.').optional(),
  consumerOperators: listOf(text(253), { max: 256 }).describe('Ids of the others.').optional(),
  serviceRegistryKey: text(253).describe('Key of the VIP service in the registry.').optional(),
  lastCoordination: timestamp.describe('When owner or consumers last changed.').optional(),
});

const vipServiceStatus = z.object({
  serviceName: text(67).describe('Name in the tailnet.'),
  addresses: listOf(text(45), { max: 16 }).describe('Its addresses.').optional(),
  dnsName: text(254).describe('Its DNS name.').optional(),
  created: z.boolean().describe('Whether it is there.'),
  backendCount: integer().describe('Backends behind it.'),
  healthyBackendCount: integer().describe('Backends behind it that are healthy.'),
  serviceTags: listOf(text(64), { max: 64 }).describe('Its tags.').optional(),
  lastRegistration: timestamp.describe('When it was last created or changed.').optional(),
  registrationErrors: listOf(text(1024), { max: 16 }).describe('Why it is not as it should be.').optional(),
});

const loadBalancingStatus = z.object({
  strategy: text(63).describe('The strategy in use.'),
  endpointWeights: mapOf(integer(), { max: 1024 }).describe('Shares in use, by name.').optional(),
  requestCounts: mapOf(bigCount, { max: 1024 }).describe('Requests since the start, by name.').optional(),
  failoverStatus: z
    .object({
      activeTier: text(63).describe('primary or secondary.'),
      failoverReason: text(1024).describe('Why the secondaries serve.').optional(),
      lastFailover: timestamp.describe('When the secondaries last took over.').optional(),
      lastFailback: timestamp.describe('When the primaries last came back.').optional(),
    })
    .describe('Which tier serves.')
    .optional(),
});

const discoveredService = z.object({
  name: text(253).describe('Name of the service.'),
  type: z.enum(['vip-service', 'external-service']).describe('What it is.'),
  address: text(254).describe('Where it is.'),
  port: portNumber.describe('Port there.'),
  protocol: text(16).describe('What it speaks.'),
  tags: listOf(text(64), { max: 64 }).describe('Its tags.').optional(),
  discoverySource: text(253).describe('How it was found.'),
  lastDiscovered: timestamp.describe('When it was found.').optional(),
});

const status = z.object({
  conditions,
  totalBackends: integer().describe('Backends in all.'),
  healthyBackends: integer().describe('Backends that are healthy.'),
  unhealthyBackends: integer().describe('Backends that are not.'),
  lastUpdate: timestamp.describe('When what is written here last changed.').optional(),
  selectedEndpoints: listOf(selectedEndpoints, { max: 1000 })
    .describe('The TailscaleEndpoints that are selected.')
    .optional(),
  serviceInfo: serviceInfo.describe('Who else serves the VIP service.').optional(),
  vipServiceStatus: vipServiceStatus.describe('The VIP service in the tailnet.').optional(),
  loadBalancingStatus: loadBalancingStatus.describe('How requests are spread now.').optional(),
  discoveredServices: listOf(discoveredService, { max: 512 })
    .describe('Backends that no TailscaleEndpoints describes.')
    .optional(),
});

export const tailscaleServices = defineKind({
  kind: 'TailscaleServices',
  plural: 'tailscaleservices',
  singular: 'tailscaleservices',
  shortNames: ['tssvc'],
  namespaced: true,
  description:
    'One service made of many TailscaleEndpoints: selected by labels, load balanced, with an address in the tailnet.',
  spec,
  status,
  columns: [
    { name: 'VIP Service', type: 'string', jsonPath: '.status.vipServiceStatus.serviceName' },
    { name: 'Backends', type: 'integer', jsonPath: '.status.totalBackends' },
    { name: 'Healthy', type: 'integer', jsonPath: '.status.healthyBackends' },
    { name: 'DNS Name', type: 'string', jsonPath: '.status.vipServiceStatus.dnsName' },
    ageColumn,
  ],
});

export type TailscaleServices = ResourceOf<typeof tailscaleServices>;
export type TailscaleServicesInput = ResourceInputOf<typeof tailscaleServices>;

/** Name of the TailscaleEndpoints that is made from the template: `<name>-auto` unless `nameSuffix` says otherwise. */
export function autoProvisionedName(services: Pick<TailscaleServicesInput, 'metadata' | 'spec'>): string {
  const suffix = services.spec.endpointTemplate?.nameSuffix ?? 'auto';
  return `${services.metadata.name}-${suffix.replace(/^-/, '')}`;
}
