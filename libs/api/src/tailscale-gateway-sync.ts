import { z } from 'zod';

import { listOf, mapListOf } from './collection.ts';
import { condition } from './condition.ts';
import { ageColumn, defineKind } from './kind.ts';
import type { ResourceInputOf, ResourceOf } from './kind.ts';
import { portNumber } from './number.ts';
import { reference } from './reference.ts';
import { withRules } from './rule.ts';
import { dnsLabel, dnsSubdomain, groupName, kindName, nonEmptyText } from './text.ts';

const spec = z.object({
  targetRefs: listOf(
    withRules(reference, [
      {
        cel: "self.group == 'gateway.networking.k8s.io' && self.kind == 'Gateway' && !has(self.namespace)",
        message: 'must refer to a Gateway of this namespace, without a namespace',
        holds: ({ group, kind, namespace }) =>
          group === 'gateway.networking.k8s.io' && kind === 'Gateway' && namespace === undefined,
      },
    ]),
    { min: 1, max: 1 },
  ).describe('The one Gateway, of this namespace, that this belongs to.'),
  revision: nonEmptyText(64).describe('Revision of the model that Envoy Gateway must have asked for.'),
});

/** Envoy Gateway owns this status and writes Gateway API's PolicyStatus into it. */
const status = z.object({
  ancestors: listOf(
    z.object({
      ancestorRef: z
        .object({
          group: groupName.describe('API group of the ancestor.').optional(),
          kind: kindName.describe('Kind of the ancestor.').optional(),
          namespace: dnsLabel.describe('Namespace of the ancestor.').optional(),
          name: nonEmptyText(253).describe('Name of the ancestor.'),
          sectionName: dnsSubdomain.describe('A part of the ancestor.').optional(),
          port: portNumber.describe('A port of the ancestor.').optional(),
        })
        .describe('The Gateway.'),
      controllerName: nonEmptyText(253).describe('Who wrote this.'),
      conditions: mapListOf(condition, { keys: ['type'], max: 8 })
        .describe('What Envoy Gateway found.')
        .optional(),
    }),
    { max: 16 },
  )
    .describe('What Envoy Gateway made of it.')
    .optional(),
});

export const tailscaleGatewaySync = defineKind({
  kind: 'TailscaleGatewaySync',
  plural: 'tailscalegatewaysyncs',
  singular: 'tailscalegatewaysync',
  shortNames: ['tssync'],
  namespaced: true,
  description: 'Internal: makes Envoy Gateway translate again when the model changed. Written by the operator only.',
  spec,
  status,
  columns: [
    { name: 'Gateway', type: 'string', jsonPath: '.spec.targetRefs[0].name' },
    { name: 'Revision', type: 'string', jsonPath: '.spec.revision' },
    ageColumn,
  ],
});

export type TailscaleGatewaySync = ResourceOf<typeof tailscaleGatewaySync>;
export type TailscaleGatewaySyncInput = ResourceInputOf<typeof tailscaleGatewaySync>;
