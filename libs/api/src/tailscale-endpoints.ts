import { z } from 'zod';

import { listOf, mapListOf } from './collection.ts';
import { conditions } from './condition.ts';
import { positiveDuration } from './duration.ts';
import { healthCheck } from './health-check.ts';
import { ageColumn, defineKind } from './kind.ts';
import type { ResourceInputOf, ResourceOf } from './kind.ts';
import { integer, portNumber } from './number.ts';
import { backendProtocol, proxyPort } from './ports.ts';
import { proxy } from './proxy.ts';
import { withRules } from './rule.ts';
import { requirementRules, selectorOperator } from './selector.ts';
import {
  dnsLabel,
  dnsSubdomain,
  hostAndPort,
  hostName,
  ipAddress,
  nonEmptyText,
  tag,
  text,
  timestamp,
  vipServiceName,
} from './text.ts';

const endpoint = z.object({
  name: dnsLabel.describe('Name of the endpoint, unique in this object.'),
  tailscaleIP: ipAddress.describe('Address of the device in the tailnet.'),
  tailscaleFQDN: hostName.describe('DNS name of the device in the tailnet; also the host of probes and of TLS.'),
  port: portNumber.describe('Port on the device.'),
  protocol: backendProtocol
    .describe('What the device speaks there: decides how it is called and probed.')
    .default('HTTP'),
  tags: listOf(tag, { max: 64 }).describe('Tags of the device.').optional(),
  weight: integer({ min: 1, max: 100 })
    .describe('Share of the requests, relative to the other endpoints here.')
    .default(1),
  externalTarget: hostAndPort
    .describe('host:port that requests go to instead of the address in the tailnet.')
    .optional(),
  healthCheck: healthCheck({ interval: '10s', timeout: '3s' })
    .describe('How this endpoint is probed. Absent: the TailscaleServices that selects it decides.')
    .optional(),
});

const tagSelector = withRules(
  z.object({
    tag: z
      .string()
      .min(1)
      .max(64)
      .regex(/^[A-Za-z][-A-Za-z0-9]*(:[-A-Za-z0-9]*)*$/, 'must be a tag such as tag:web')
      .describe('Tag that is looked for. With values: what stands before the colon.'),
    operator: selectorOperator
      .describe('Exists, DoesNotExist: the tag itself. In, NotIn: any of the tags <tag>:<value>.')
      .default('Exists'),
    values: listOf(nonEmptyText(64), { max: 64 })
      .describe('Values for In and NotIn; none for Exists and DoesNotExist.')
      .optional(),
  }),
  requirementRules,
);

const autoDiscovery = z.object({
  enabled: z.boolean().describe('Whether devices are looked for.').default(true),
  syncInterval: positiveDuration.describe('Time between two looks.').default('30s'),
  tagSelectors: listOf(tagSelector, { max: 32 })
    .describe('Devices that any of these matches become endpoints.')
    .optional(),
  serviceDiscovery: z
    .object({
      enabled: z.boolean().describe('Whether VIP services are looked for.').default(false),
      serviceNames: listOf(vipServiceName, { max: 64 }).describe('VIP services by name.').optional(),
      serviceTags: listOf(tag, { max: 64 }).describe('VIP services by tag.').optional(),
    })
    .describe('VIP services of the tailnet that become endpoints.')
    .optional(),
});

const spec = z.object({
  tailnet: dnsSubdomain.describe('Name of the TailscaleTailnet.'),
  tags: listOf(tag, { max: 64 }).describe('Tags of the proxies, added to those of the TailscaleTailnet.').optional(),
  ports: mapListOf(proxyPort, { keys: ['port', 'protocol'], max: 64 })
    .describe('Ports that the proxies serve.')
    .optional(),
  proxy: proxy.describe('The proxies. Absent: defaults, where proxies are needed.').optional(),
  endpoints: mapListOf(endpoint, { keys: ['name'], max: 1000 })
    .describe('Devices of the tailnet, by name.')
    .optional(),
  autoDiscovery: autoDiscovery.describe('Devices of the tailnet that become endpoints by themselves.').optional(),
});

const recentFailure = z.object({
  errorType: z
    .enum(['Timeout', 'ConnectionRefused', 'DNSResolution', 'HTTPError', 'TCPError', 'UDPError', 'TLSError', 'Unknown'])
    .describe('What went wrong.'),
  errorMessage: text(1024).describe('What went wrong, in a sentence.').optional(),
  statusCode: integer({ min: 100, max: 999 }).describe('Status of the HTTP response.').optional(),
  timestamp: timestamp.describe('When it went wrong.').optional(),
});

const endpointStatus = z.object({
  name: text(253).describe('Name of the endpoint.'),
  tailscaleIP: text(45).describe('Address in the tailnet.'),
  externalTarget: text(262).describe('host:port that requests go to instead.').optional(),
  discoverySource: z
    .enum(['Manual', 'AutoDiscovery', 'VIPService', 'TagSelector'])
    .describe('Where the endpoint comes from. Manual: from the spec.'),
  healthStatus: text(63).describe('Healthy, Unhealthy or Unknown.').optional(),
  lastHealthCheck: timestamp.describe('When the health last changed.').optional(),
  tags: listOf(text(64), { max: 64 }).describe('Tags of the device.').optional(),
  weight: integer().describe('Share of the requests.').optional(),
  healthCheckDetails: z
    .object({
      averageResponseTime: text(32).describe('Mean time of the answers, a duration.').optional(),
      successiveSuccesses: integer().describe('Successes since the last failure.').optional(),
      successiveFailures: integer().describe('Failures since the last success.').optional(),
      recentFailures: listOf(recentFailure, { max: 16 }).describe('The last failures, newest first.').optional(),
    })
    .describe('What the last probes found.')
    .optional(),
});

const statefulSetRef = z.object({
  name: text(253).describe('Name of the StatefulSet.'),
  namespace: text(63).describe('Namespace of the StatefulSet.'),
  endpointName: text(253).describe('Endpoint that it serves.'),
  connectionType: z.enum(['ingress', 'egress']).describe('Its direction.'),
  status: z.enum(['Ready', 'Pending', 'Failed', 'Scaling', 'Unknown']).describe('Its state.').optional(),
  desiredReplicas: integer().describe('Pods it should have.').optional(),
  readyReplicas: integer().describe('Pods that are ready.').optional(),
  errorMessage: text(1024).describe('Why it is not ready.').optional(),
});

const device = z.object({
  hostname: text(253).describe('Host name of the device.').optional(),
  tailscaleIP: text(45).describe('Address in the tailnet.').optional(),
  tailscaleFQDN: text(254).describe('DNS name in the tailnet.').optional(),
  nodeID: text(253).describe('Id of the device in the control plane.').optional(),
  online: z.boolean().describe('Whether the control plane sees it.').optional(),
  connected: z.boolean().describe('Whether it is connected.').optional(),
  lastSeen: timestamp.describe('When it was last online. Only of a device that is not.').optional(),
  tags: listOf(text(64), { max: 64 }).describe('Its tags.').optional(),
  statefulSetPod: text(253).describe('The Pod that runs it.').optional(),
});

const status = z.object({
  conditions,
  totalEndpoints: integer().describe('Endpoints in all.'),
  healthyEndpoints: integer().describe('Endpoints that are healthy.'),
  unhealthyEndpoints: integer().describe('Endpoints that are not.'),
  discoveredEndpoints: integer().describe('Endpoints that were found, not written in the spec.'),
  endpointStatus: listOf(endpointStatus, { max: 2000 }).describe('The endpoints.').optional(),
  statefulSetRefs: listOf(statefulSetRef, { max: 2000 }).describe('The StatefulSets of the proxies.').optional(),
  statefulSetCount: integer().describe('How many StatefulSets there are.').optional(),
  devices: listOf(device, { max: 4000 }).describe('The devices of the proxies, and those found.').optional(),
  autoDiscoveryStatus: z
    .object({
      enabled: z.boolean().describe('Whether devices are looked for.'),
      lastDiscoveryTime: timestamp.describe('When what was found last changed.').optional(),
      totalDevicesScanned: integer().describe('Devices that were looked at.'),
      devicesMatchingCriteria: integer().describe('Devices that matched.'),
      vipServicesDiscovered: integer().describe('VIP services that were found.').optional(),
    })
    .describe('What discovery found.')
    .optional(),
  lastSync: timestamp.describe('When what is written here last changed.').optional(),
});

export const tailscaleEndpoints = defineKind({
  kind: 'TailscaleEndpoints',
  plural: 'tailscaleendpoints',
  singular: 'tailscaleendpoints',
  shortNames: ['tsep'],
  namespaced: true,
  description: 'Devices of a tailnet, and the proxies between them and the cluster.',
  spec,
  status,
  columns: [
    { name: 'Tailnet', type: 'string', jsonPath: '.spec.tailnet' },
    { name: 'Total', type: 'integer', jsonPath: '.status.totalEndpoints' },
    { name: 'Healthy', type: 'integer', jsonPath: '.status.healthyEndpoints' },
    { name: 'StatefulSets', type: 'integer', jsonPath: '.status.statefulSetCount' },
    ageColumn,
  ],
});

export type TailscaleEndpoints = ResourceOf<typeof tailscaleEndpoints>;
export type TailscaleEndpointsInput = ResourceInputOf<typeof tailscaleEndpoints>;
