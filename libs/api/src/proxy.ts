import { z } from 'zod';

import { listOf, mapOf } from './collection.ts';
import { integer } from './number.ts';
import { labelMap } from './selector.ts';
import { nonEmptyText } from './text.ts';

/** Direction of a proxy: from the tailnet into the cluster, out of the cluster, or both. */
export const connectionType = z.enum(['ingress', 'egress', 'bidirectional']);

/** Fields of a proxy that a template may set too. */
export const proxyBasics = {
  replicas: integer({ min: 1, max: 1000 }).describe('Pods of each StatefulSet.').default(2),
  connectionType: connectionType
    .describe('ingress: from the tailnet into the cluster; egress: out of it; bidirectional: both.')
    .default('bidirectional'),
};

/** A quantity as Kubernetes writes it: a number or a text such as 500m or 1Gi. */
const quantity = z
  .union([
    z.int(),
    z
      .string()
      .max(64)
      .regex(
        /^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$/,
        'must be a quantity such as 500m or 1Gi',
      ),
  ])
  .meta({ 'x-kubernetes-int-or-string': true });

const quantities = mapOf(quantity, { max: 32 });

/** Compute resources of a container. */
export const resources = z.object({
  limits: quantities.describe('The most a container may use.').optional(),
  requests: quantities.describe('What is set aside for a container.').optional(),
});

/** An object of Kubernetes' own that is passed on as it is. */
const passedOn = z.record(z.string(), z.unknown()).meta({ 'x-kubernetes-preserve-unknown-fields': true });

/** The proxies of a TailscaleEndpoints. */
export const proxy = z.object({
  ...proxyBasics,
  image: nonEmptyText(1024).describe("Image of the proxy. The operator's own choice unless set.").optional(),
  resources: resources.describe('Compute resources of each proxy.').optional(),
  nodeSelector: labelMap.describe('Labels of the nodes that proxies may run on.').optional(),
  tolerations: listOf(passedOn.describe('A toleration, as in a Pod.'), { max: 64 })
    .describe('Taints that proxies tolerate, as in a Pod.')
    .optional(),
  affinity: passedOn.describe('Scheduling constraints of the proxies, as in a Pod.').optional(),
});
