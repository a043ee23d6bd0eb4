import { z } from 'zod';

import { listOf, mapListOf } from './collection.ts';
import { conditions } from './condition.ts';
import { positiveDuration } from './duration.ts';
import { ageColumn, defineKind } from './kind.ts';
import type { ResourceInputOf, ResourceOf } from './kind.ts';
import { integer, portNumber } from './number.ts';
import { resources } from './proxy.ts';
import { reference, secretReference } from './reference.ts';
import { dnsLabel, dnsSubdomain, nonEmptyText, text, timestamp, urlPath } from './text.ts';

/** How the routes of one direction are made. */
const routePattern = (defaults: { hostPattern: string; pathPrefix: string; protocol: 'HTTP' | 'HTTPS' }) =>
  z.object({
    hostPattern: nonEmptyText(253)
      .describe('Host name of the routes; {service} and {tailnet} are filled in.')
      .default(defaults.hostPattern),
    pathPrefix: urlPath.describe('Path of the routes; {service} is filled in.').default(defaults.pathPrefix),
    protocol: z.enum(['HTTP', 'HTTPS']).describe('Protocol of the routes.').default(defaults.protocol),
  });

const tailnet = z.object({
  name: dnsLabel.describe('Name of the tailnet in this gateway, unique here.'),
  tailscaleTailnetRef: reference.describe('The TailscaleTailnet.'),
  serviceDiscovery: z
    .object({
      enabled: z.boolean().describe('Whether services of the tailnet are looked for.').default(true),
      syncInterval: positiveDuration.describe('Time between two looks.').default('30s'),
    })
    .describe('Services of the tailnet that are found by themselves.')
    .optional(),
  routeGeneration: z
    .object({
      ingress: routePattern({ hostPattern: '{service}.{tailnet}.gateway.local', pathPrefix: '/', protocol: 'HTTPS' })
        .describe('Routes from the tailnet into the cluster.')
        .optional(),
      egress: routePattern({
        hostPattern: '{service}.tailscale.local',
        pathPrefix: '/tailscale/{service}/',
        protocol: 'HTTP',
      })
        .describe('Routes from the cluster into the tailnet.')
        .optional(),
    })
    .describe('Routes that are made for the services that are found.')
    .optional(),
});

const extensionServer = z.object({
  image: nonEmptyText(1024).describe('Image of the extension server.'),
  replicas: integer({ min: 1, max: 1000 }).describe('Its Pods.').default(2),
  port: portNumber.describe('Port of its hooks.').optional(),
  resources: resources.describe('Compute resources of each Pod.').optional(),
  serviceAccountName: dnsSubdomain.describe('Its ServiceAccount.').optional(),
  tls: z
    .object({
      certificateRef: secretReference.describe('Secret with its certificate.').optional(),
      insecureSkipVerify: z.boolean().describe('Whether certificates are not verified. For tests only.').optional(),
    })
    .describe('TLS between Envoy Gateway and the extension server.')
    .optional(),
});

const spec = z.object({
  gatewayRef: reference.describe('The Gateway of Gateway API that serves the tailnets.'),
  tailnets: mapListOf(tailnet, { keys: ['name'], min: 1, max: 64 }).describe('The tailnets.'),
  extensionServer: extensionServer
    .describe('The extension server, where the operator runs it. Else the deployment decides, and a condition says so.')
    .optional(),
});

const tailnetStatus = z.object({
  name: text(63).describe('Name of the tailnet in this gateway.'),
  discoveredServices: integer().describe('Services that were found.'),
  lastSync: timestamp.describe('When what was found last changed.').optional(),
  conditions,
});

const service = z.object({
  name: text(253).describe('Name of the service.'),
  ownerCluster: text(253).describe('Id of the operator that owns it.'),
  consumerClusters: listOf(text(253), { max: 256 }).describe('Ids of the others.').optional(),
  consumerCount: integer().describe('How many others.'),
  vipAddresses: listOf(text(45), { max: 16 }).describe('Its addresses in the tailnet.').optional(),
  status: z.enum(['Ready', 'Pending', 'Failed', 'Unknown']).describe('Its state.'),
});

const status = z.object({
  conditions,
  tailnetStatus: listOf(tailnetStatus, { max: 64 }).describe('The tailnets.').optional(),
  tailnetCount: integer().describe('How many tailnets there are.').optional(),
  generatedRoutes: z
    .object({
      ingressRoutes: integer().describe('Routes from tailnets into the cluster.'),
      egressRoutes: integer().describe('Routes from the cluster into tailnets.'),
      lastGeneration: timestamp.describe('When they last changed.').optional(),
    })
    .describe('Routes that were made.')
    .optional(),
  httpRouteRefs: listOf(reference, { max: 1000 })
    .describe('HTTPRoutes of the Gateway that use kinds of this group.')
    .optional(),
  services: listOf(service, { max: 1000 }).describe('VIP services behind the gateway.').optional(),
  serviceCount: integer().describe('How many services were found in all tailnets.').optional(),
  extensionServerStatus: z
    .object({
      ready: z.boolean().describe('Whether it can be called.'),
      desiredReplicas: integer().describe('Pods it should have.').optional(),
      readyReplicas: integer().describe('Pods that are ready.').optional(),
      serviceEndpoint: text(262).describe('host:port of its hooks.').optional(),
    })
    .describe('The extension server.')
    .optional(),
});

export const tailscaleGateway = defineKind({
  kind: 'TailscaleGateway',
  plural: 'tailscalegateways',
  singular: 'tailscalegateway',
  shortNames: ['tsgw'],
  namespaced: true,
  description: 'Ties a Gateway of Gateway API to tailnets.',
  spec,
  status,
  columns: [
    { name: 'Gateway', type: 'string', jsonPath: '.spec.gatewayRef.name' },
    { name: 'Tailnets', type: 'integer', jsonPath: '.status.tailnetCount' },
    { name: 'Services', type: 'integer', jsonPath: '.status.serviceCount' },
    { name: 'Extension', type: 'string', jsonPath: '.status.conditions[?(@.type=="ExtensionServerReady")].status' },
    ageColumn,
  ],
});

export type TailscaleGateway = ResourceOf<typeof tailscaleGateway>;
export type TailscaleGatewayInput = ResourceInputOf<typeof tailscaleGateway>;
