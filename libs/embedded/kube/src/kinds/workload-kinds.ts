import { isIP } from 'node:net';
import { isObject, jsonEqual, valueAt } from '../object.ts';
import type { JsonObject, KubeObject } from '../object.ts';
import type { FieldError } from '../status-error.ts';
import { builtin } from './builtin.ts';
import { ageColumn, column, fieldColumn, nameColumn } from './columns.ts';
import type { Kind } from './kind.ts';
import { podTemplateSchema } from './pod-schema.ts';
import {
  any,
  atomicList,
  conditions,
  flag,
  int,
  intOrString,
  labelSelector,
  or,
  struct,
  text,
  time,
  atomic,
} from './schema-builder.ts';

/** Pull policy of containers that name none: Always for `latest` or no tag. Changes `holder.spec`. */
export function preparePodTemplate(holder: unknown): void {
  const spec = valueAt(holder, ['spec']);
  for (const list of ['containers', 'initContainers']) {
    const containers = valueAt(spec, [list]);
    if (!Array.isArray(containers)) continue;
    for (const container of containers) {
      if (!isObject(container) || container['imagePullPolicy'] !== undefined) continue;
      const image = String(container['image'] ?? '');
      const name = image.slice(image.lastIndexOf('/') + 1);
      container['imagePullPolicy'] =
        !name.includes('@') && (!name.includes(':') || name.endsWith(':latest')) ? 'Always' : 'IfNotPresent';
    }
  }
}

const prepareWorkload = (next: KubeObject): void => {
  preparePodTemplate(valueAt(next, ['spec', 'template']));
};

function checkWorkload(next: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  const selector = valueAt(next, ['spec', 'selector', 'matchLabels']);
  const labels = valueAt(next, ['spec', 'template', 'metadata', 'labels']);
  if (valueAt(next, ['spec', 'selector']) === undefined) {
    errors.push({ field: 'spec.selector', reason: 'FieldValueRequired', message: 'Required value' });
  } else if (isObject(selector) && !Object.entries(selector).every(([k, v]) => isObject(labels) && labels[k] === v)) {
    errors.push({
      field: 'spec.template.metadata.labels',
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(labels ?? null)}: \`selector\` does not match template \`labels\``,
    });
  }
  const containers = valueAt(next, ['spec', 'template', 'spec', 'containers']);
  if (!Array.isArray(containers) || containers.length === 0) {
    errors.push({ field: 'spec.template.spec.containers', reason: 'FieldValueRequired', message: 'Required value' });
  }
  return errors;
}

const statefulSetMutable = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]);

function checkStatefulSet(next: KubeObject, old: KubeObject | undefined): FieldError[] {
  const errors = checkWorkload(next);
  const before = old?.['spec'] as JsonObject | undefined;
  const now = (next['spec'] ?? {}) as JsonObject;
  if (before === undefined) return errors;
  const changed = Object.keys({ ...before, ...now }).some(
    (key) => !statefulSetMutable.has(key) && !jsonEqual(before[key], now[key]),
  );
  if (changed) {
    errors.push({
      field: 'spec',
      reason: 'FieldValueForbidden',
      message:
        "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    });
  }
  return errors;
}

function checkDeployment(next: KubeObject, old: KubeObject | undefined): FieldError[] {
  const errors = checkWorkload(next);
  const selector = valueAt(next, ['spec', 'selector']);
  if (old !== undefined && !jsonEqual(valueAt(old, ['spec', 'selector']), selector)) {
    errors.push({
      field: 'spec.selector',
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(selector)}: field is immutable`,
    });
  }
  return errors;
}

/** Loopback addresses, which a real server refuses, are taken: here everything runs on one machine. */
function checkEndpointSlice(next: KubeObject, old: KubeObject | undefined): FieldError[] {
  const addressType = next['addressType'];
  const types: Readonly<Record<string, 4 | 6 | undefined>> = { IPv4: 4, IPv6: 6 };
  if (typeof addressType !== 'string' || addressType === '') {
    return [{ field: 'addressType', reason: 'FieldValueRequired', message: 'Required value' }];
  }
  const errors: FieldError[] = [];
  const invalid = (field: string, value: unknown, why: string): void =>
    void errors.push({
      field,
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
    });
  if (old !== undefined && old['addressType'] !== addressType) {
    invalid('addressType', addressType, 'field is immutable');
  }
  const family = types[addressType];
  const endpoints = (next['endpoints'] ?? []) as { addresses?: string[] }[];
  for (const [i, { addresses = [] }] of endpoints.entries()) {
    for (const [j, address] of addresses.entries()) {
      if (family !== undefined && isIP(address) === 0) {
        invalid(
          `endpoints[${i}].addresses[${j}]`,
          address,
          'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        );
      }
    }
  }
  return errors;
}

const readyColumn = column(
  'Ready',
  (o) => `${String(valueAt(o, ['status', 'readyReplicas']) ?? 0)}/${String(valueAt(o, ['spec', 'replicas']) ?? 1)}`,
);

const role = {
  rules: atomicList(
    struct({
      verbs: atomicList(text),
      apiGroups: atomicList(text),
      resources: atomicList(text),
      resourceNames: atomicList(text),
    }),
  ),
};
const binding = {
  subjects: atomicList(struct({ kind: text, name: text, namespace: text, apiGroup: text })),
  roleRef: atomic(struct({ kind: text, name: text, apiGroup: text })),
};

/** Workloads, leases, endpoint slices and RBAC. */
export function workloadKinds(): Kind[] {
  const apps = { group: 'apps', status: true, generation: true, categories: ['all'], prepare: prepareWorkload };
  const rbac = { group: 'rbac.authorization.k8s.io', nameRule: 'path' as const };
  return [
    builtin({
      ...apps,
      kind: 'StatefulSet',
      plural: 'statefulsets',
      shortNames: ['sts'],
      schema: {
        spec: struct({
          replicas: or(1, int),
          serviceName: text,
          selector: labelSelector,
          template: podTemplateSchema,
          podManagementPolicy: or('OrderedReady', text),
          revisionHistoryLimit: or(10, int),
          minReadySeconds: int,
          updateStrategy: or(
            { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
            struct({ type: or('RollingUpdate', text), rollingUpdate: struct({ partition: or(0, int) }) }),
          ),
          persistentVolumeClaimRetentionPolicy: or(
            {},
            struct({ whenDeleted: or('Retain', text), whenScaled: or('Retain', text) }),
          ),
          volumeClaimTemplates: atomicList(any),
        }),
        status: or(
          { replicas: 0, availableReplicas: 0 },
          struct({ replicas: int, readyReplicas: int, observedGeneration: int, availableReplicas: int, conditions }),
        ),
      },
      columns: [nameColumn, readyColumn, ageColumn],
      check: checkStatefulSet,
    }),
    builtin({
      ...apps,
      kind: 'Deployment',
      plural: 'deployments',
      shortNames: ['deploy'],
      schema: {
        spec: struct({
          replicas: or(1, int),
          selector: labelSelector,
          template: podTemplateSchema,
          revisionHistoryLimit: or(10, int),
          progressDeadlineSeconds: or(600, int),
          minReadySeconds: int,
          strategy: or(
            { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
            struct({
              type: or('RollingUpdate', text),
              rollingUpdate: struct({ maxUnavailable: intOrString, maxSurge: intOrString }),
            }),
          ),
        }),
        status: or(
          {},
          struct({
            replicas: int,
            readyReplicas: int,
            updatedReplicas: int,
            availableReplicas: int,
            observedGeneration: int,
            conditions,
          }),
        ),
      },
      columns: [
        nameColumn,
        readyColumn,
        column('Up-to-date', (o) => valueAt(o, ['status', 'updatedReplicas']) ?? 0, { type: 'integer' }),
        column('Available', (o) => valueAt(o, ['status', 'availableReplicas']) ?? 0, { type: 'integer' }),
        ageColumn,
      ],
      check: checkDeployment,
    }),
    builtin({
      group: 'coordination.k8s.io',
      kind: 'Lease',
      plural: 'leases',
      unconditionalUpdate: false,
      schema: {
        spec: struct({
          holderIdentity: text,
          leaseDurationSeconds: int,
          leaseTransitions: int,
          acquireTime: time,
          renewTime: time,
        }),
      },
      columns: [nameColumn, fieldColumn('Holder', 'spec.holderIdentity'), ageColumn],
    }),
    builtin({
      group: 'discovery.k8s.io',
      kind: 'EndpointSlice',
      generation: true,
      plural: 'endpointslices',
      schema: {
        addressType: text,
        endpoints: atomicList(
          struct({
            addresses: atomicList(text),
            conditions: or({}, struct({ ready: flag, serving: flag, terminating: flag })),
            hostname: text,
            nodeName: text,
            zone: text,
            targetRef: any,
          }),
        ),
        ports: atomicList(struct({ name: or('', text), protocol: or('TCP', text), port: int, appProtocol: text })),
      },
      columns: [nameColumn, fieldColumn('AddressType', 'addressType'), ageColumn],
      check: checkEndpointSlice,
    }),
    builtin({
      ...rbac,
      kind: 'Role',
      plural: 'roles',
      schema: role,
      columns: [nameColumn, column('Created At', (o) => o.metadata.creationTimestamp)],
    }),
    builtin({
      ...rbac,
      kind: 'RoleBinding',
      plural: 'rolebindings',
      schema: binding,
      columns: [
        nameColumn,
        column('Role', (o) => `${String(valueAt(o, ['roleRef', 'kind']))}/${String(valueAt(o, ['roleRef', 'name']))}`),
        ageColumn,
      ],
    }),
    builtin({
      ...rbac,
      kind: 'ClusterRole',
      plural: 'clusterroles',
      namespaced: false,
      schema: { ...role, aggregationRule: any },
      columns: [nameColumn, column('Created At', (o) => o.metadata.creationTimestamp)],
    }),
    builtin({
      ...rbac,
      kind: 'ClusterRoleBinding',
      plural: 'clusterrolebindings',
      namespaced: false,
      schema: binding,
      columns: [
        nameColumn,
        column('Role', (o) => `${String(valueAt(o, ['roleRef', 'kind']))}/${String(valueAt(o, ['roleRef', 'name']))}`),
        ageColumn,
      ],
    }),
    builtin({
      group: 'policy',
      kind: 'PodDisruptionBudget',
      plural: 'poddisruptionbudgets',
      shortNames: ['pdb'],
      status: true,
      generation: true,
      schema: {
        spec: struct({ minAvailable: intOrString, maxUnavailable: intOrString, selector: labelSelector }),
        status: struct({ conditions }),
      },
    }),
    builtin({
      group: 'networking.k8s.io',
      kind: 'NetworkPolicy',
      plural: 'networkpolicies',
      shortNames: ['netpol'],
      generation: true,
      schema: {
        spec: struct({
          podSelector: labelSelector,
          policyTypes: atomicList(text),
          ingress: atomicList(any),
          egress: atomicList(any),
        }),
      },
    }),
    builtin({
      kind: 'PersistentVolumeClaim',
      plural: 'persistentvolumeclaims',
      shortNames: ['pvc'],
      status: true,
      schema: {
        spec: struct({ accessModes: atomicList(text), resources: any, selector: labelSelector }),
        status: struct({ conditions, phase: text }),
      },
    }),
    builtin({
      group: 'batch',
      kind: 'Job',
      plural: 'jobs',
      categories: ['all'],
      status: true,
      generation: true,
      schema: {
        spec: struct({ template: podTemplateSchema, selector: labelSelector }),
        status: struct({ conditions: atomicList(any) }),
      },
    }),
    builtin({
      group: 'apiextensions.k8s.io',
      kind: 'CustomResourceDefinition',
      plural: 'customresourcedefinitions',
      shortNames: ['crd', 'crds'],
      categories: ['api-extensions'],
      namespaced: false,
      status: true,
      generation: true,
      unconditionalUpdate: false,
      schema: {
        spec: struct({
          group: text,
          scope: text,
          names: struct({
            plural: text,
            singular: text,
            kind: text,
            listKind: text,
            shortNames: atomicList(text),
            categories: atomicList(text),
          }),
          versions: atomicList(any),
          conversion: or({ strategy: 'None' }, struct({ strategy: text })),
        }),
        status: struct({ conditions, storedVersions: atomicList(text), acceptedNames: any }),
      },
      columns: [nameColumn, column('Created At', (o) => o.metadata.creationTimestamp)],
    }),
  ];
}
