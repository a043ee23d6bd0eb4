import { z } from 'zod';

import { listOf, mapListOf } from './collection.ts';
import { condition, conditions } from './condition.ts';
import { duration } from './duration.ts';
import { ageColumn, defineKind } from './kind.ts';
import type { ResourceInputOf, ResourceOf } from './kind.ts';
import { integer, portNumber } from './number.ts';
import { backendReferenceFields, reference } from './reference.ts';
import { unionRules, withRules } from './rule.ts';
import { dnsLabel, dnsSubdomain, groupName, hostName, kindName, nonEmptyText, tag, text } from './text.ts';

const targetRef = withRules(reference, [
  {
    cel: "self.group == 'gateway.networking.k8s.io' && self.kind in ['Gateway', 'HTTPRoute']",
    message: 'must refer to a Gateway or an HTTPRoute of gateway.networking.k8s.io',
    holds: ({ group, kind }) => group === 'gateway.networking.k8s.io' && (kind === 'Gateway' || kind === 'HTTPRoute'),
  },
]);

const headerName = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[A-Za-z0-9!#$%&'*+.^_|~`-]+$/, 'must be the name of an HTTP header')
  .describe('Name of the header. Case does not matter.');

const pathMatch = withRules(
  z.object({
    type: z.enum(['Exact', 'PathPrefix', 'RegularExpression']).describe('How the path is compared.'),
    value: nonEmptyText(1024).describe('Path, prefix, or RE2 expression.'),
  }),
  [
    {
      cel: "self.type == 'RegularExpression' || self.value.startsWith('/')",
      message: 'must begin with /',
      fieldPath: '.value',
      holds: ({ type, value }) => type === 'RegularExpression' || value.startsWith('/'),
    },
  ],
);

const headerMatch = z.object({
  name: headerName,
  type: z.enum(['Exact', 'RegularExpression']).describe('How the header is compared.'),
  value: nonEmptyText(4096).describe('Value, or RE2 expression.'),
});

const tailnetDevice = z.object({
  tags: listOf(tag, { max: 64 }).describe('The device has any of these tags.').optional(),
  users: listOf(nonEmptyText(320), { max: 64 }).describe('The device belongs to any of these users.').optional(),
  hostnames: listOf(nonEmptyText(254), { max: 64 }).describe('The device has any of these host names.').optional(),
  ips: listOf(nonEmptyText(49), { max: 64 })
    .describe('The device has any of these addresses, or one in these ranges.')
    .optional(),
});

const match = z.object({
  path: pathMatch.describe('The path of the request.').optional(),
  headers: listOf(headerMatch, { max: 16 }).describe('Headers of the request. All must match.').optional(),
  method: z
    .object({
      methods: listOf(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']), {
        min: 1,
        max: 9,
      }).describe('Any of these.'),
    })
    .describe('The method of the request.')
    .optional(),
  tailnetDevice: tailnetDevice
    .describe('The device of the tailnet that the request comes from. All that is set must match.')
    .optional(),
});

const backendRef = withRules(
  z.object({
    ...backendReferenceFields,
    port: portNumber.describe('Port of the backend. A Service needs one.').optional(),
    weight: integer({ max: 1_000_000 }).describe('Its share of the requests. 1 unless set.').optional(),
  }),
  [
    {
      cel: "self.group == '' && self.kind == 'Service' ? has(self.port) : true",
      message: 'is required for a Service',
      fieldPath: '.port',
      holds: ({ group, kind, port }) => !(group === '' && kind === 'Service') || port !== undefined,
    },
  ],
);

const routeAction = z.object({
  backendRefs: listOf(backendRef, { min: 1, max: 16 }).describe('Where requests go.'),
  timeout: z
    .object({
      request: duration.describe('For the whole request. 0s: none.').optional(),
      backendRequest: duration.describe('For each try at a backend. 0s: none.').optional(),
    })
    .describe('How long a request may take.')
    .optional(),
});

const redirectAction = z.object({
  scheme: z
    .string()
    .max(16)
    .regex(/^[A-Za-z][-+.A-Za-z0-9]*$/, 'must be a scheme, such as https')
    .describe('Scheme of the new address.')
    .optional(),
  hostname: hostName.describe('Host of the new address.').optional(),
  path: z
    .object({
      type: z.enum(['ReplaceFullPath', 'ReplacePrefixMatch']).describe('What is replaced.'),
      value: text(1024).describe('What it is replaced by.'),
    })
    .describe('Path of the new address.')
    .optional(),
  port: portNumber.describe('Port of the new address.').optional(),
  statusCode: z.literal([301, 302]).describe('Status of the response. 302 unless set.').optional(),
});

const header = z.object({ name: headerName, value: text(4096).describe('Its value.') });

const headerModifier = z.object({
  set: mapListOf(header, { keys: ['name'], max: 16 })
    .describe('Headers that replace those of the same name.')
    .optional(),
  add: mapListOf(header, { keys: ['name'], max: 16 })
    .describe('Headers that are added.')
    .optional(),
  remove: listOf(headerName, { max: 16 }).describe('Headers that are removed.').optional(),
});

const actionFields = z.object({
  type: z
    .enum(['Route', 'Redirect', 'Deny', 'RequestHeaderModifier', 'ResponseHeaderModifier'])
    .describe('What is done. Each but Deny needs the field of its name, and no other.'),
  route: routeAction.describe('For Route: where requests go.').optional(),
  redirect: redirectAction.describe('For Redirect: the new address.').optional(),
  requestHeaderModifier: headerModifier.describe('For RequestHeaderModifier: changes to the request.').optional(),
  responseHeaderModifier: headerModifier.describe('For ResponseHeaderModifier: changes to the response.').optional(),
});

const action = withRules(
  actionFields,
  unionRules<z.output<typeof actionFields>>('type', {
    Route: 'route',
    Redirect: 'redirect',
    RequestHeaderModifier: 'requestHeaderModifier',
    ResponseHeaderModifier: 'responseHeaderModifier',
  }),
);

const rule = z.object({
  name: text(253).describe('Name of the rule, for its status.').optional(),
  matches: listOf(match, { max: 16 }).describe('Requests that any of these matches. None: all requests.').optional(),
  actions: listOf(action, { min: 1, max: 16 }).describe('What is done with them, in this order.'),
});

const spec = z.object({
  targetRefs: listOf(targetRef, { min: 1, max: 16 }).describe('The Gateways and HTTPRoutes that the rules apply to.'),
  rules: listOf(rule, { max: 64 }).describe('The rules. The first that matches applies.'),
});

const ancestorRef = z.object({
  group: groupName.describe('API group of the ancestor.').default('gateway.networking.k8s.io'),
  kind: kindName.describe('Kind of the ancestor.').default('Gateway'),
  namespace: dnsLabel.describe('Namespace of the ancestor.').optional(),
  name: nonEmptyText(253).describe('Name of the ancestor.'),
  sectionName: dnsSubdomain.describe('A part of the ancestor.').optional(),
  port: portNumber.describe('A port of the ancestor.').optional(),
});

const ancestor = z.object({
  ancestorRef: ancestorRef.describe('The Gateway through which the policy takes effect.'),
  controllerName: nonEmptyText(253).describe('Who wrote this.'),
  conditions: mapListOf(condition, { keys: ['type'], min: 1, max: 8 }).describe('State of the policy there.'),
});

const status = z.object({
  ancestors: listOf(ancestor, { max: 16 })
    .describe("State of the policy for each Gateway: Gateway API's PolicyStatus.")
    .optional(),
  conditions,
  appliedTo: listOf(
    z.object({
      targetRef: reference.describe('The target.'),
      applied: z.boolean().describe('Whether the policy is in force there.'),
      appliedRules: integer().describe('Rules that are in force there.').optional(),
    }),
    { max: 16 },
  )
    .describe('The targets.')
    .optional(),
  ruleStatus: listOf(
    z.object({
      ruleName: text(253).describe('Name of the rule, or its index.'),
      applied: z.boolean().describe('Whether it is in force.'),
      message: text(1024).describe('Why it is not.').optional(),
    }),
    { max: 64 },
  )
    .describe('The rules.')
    .optional(),
});

export const tailscaleRoutePolicy = defineKind({
  kind: 'TailscaleRoutePolicy',
  plural: 'tailscaleroutepolicies',
  singular: 'tailscaleroutepolicy',
  shortNames: ['tsrp'],
  namespaced: true,
  description: 'Rules for requests that pass a Gateway or an HTTPRoute.',
  spec,
  status,
  columns: [
    { name: 'Status', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
    { name: 'Gateway', type: 'string', jsonPath: '.spec.targetRefs[0].name' },
    ageColumn,
  ],
});

export type TailscaleRoutePolicy = ResourceOf<typeof tailscaleRoutePolicy>;
export type TailscaleRoutePolicyInput = ResourceInputOf<typeof tailscaleRoutePolicy>;
