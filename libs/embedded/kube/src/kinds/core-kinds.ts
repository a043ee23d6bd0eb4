import { isObject, valueAt } from '../object.ts';
import type { KubeObject } from '../object.ts';
import type { FieldError } from '../status-error.ts';
import { ageColumn, column, fieldColumn, nameColumn } from './columns.ts';
import { builtin } from './builtin.ts';
import type { Kind } from './kind.ts';
import { finalizersSchema, podSpecSchema, podStatusSchema } from './pod-schema.ts';
import {
  any,
  atomicList,
  conditions,
  flag,
  int,
  intOrString,
  mapList,
  objectReference,
  or,
  struct,
  text,
  textMap,
  atomic,
} from './schema-builder.ts';
import { preparePodTemplate } from './workload-kinds.ts';

const entries = (object: KubeObject, field: string): number =>
  Object.keys((object[field] as object | undefined) ?? {}).length;

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function prepareSecret(next: KubeObject): void {
  const { stringData } = next;
  if (isObject(stringData)) {
    const data: Record<string, unknown> = { ...(next['data'] as object | undefined) };
    for (const [key, value] of Object.entries(stringData)) data[key] = Buffer.from(String(value)).toString('base64');
    next['data'] = data;
  }
  delete next['stringData'];
}

/** Immutable data of Secrets and ConfigMaps. */
function checkImmutable(next: KubeObject, old: KubeObject | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if (old?.['immutable'] === true) {
    for (const field of ['data', 'binaryData']) {
      if (JSON.stringify(next[field]) !== JSON.stringify(old[field])) {
        errors.push({
          field,
          reason: 'FieldValueForbidden',
          message: 'Forbidden: field is immutable when `immutable` is set',
        });
      }
    }
  }
  for (const key of Object.keys((next['data'] as object | undefined) ?? {})) {
    if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key)) {
      errors.push({
        field: `data[${key}]`,
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${JSON.stringify(key)}: a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`,
      });
    }
  }
  return errors;
}

function checkSecret(next: KubeObject, old: KubeObject | undefined): FieldError[] {
  const errors = checkImmutable(next, old);
  if (old !== undefined && old['type'] !== next['type']) {
    errors.push({
      field: 'type',
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(next['type'])}: field is immutable`,
    });
  }
  return errors;
}

/** Cluster IPs are dealt from 10.96.0.0/16, in order; the first ten stay free as on a real cluster. */
function addressPool(): () => string {
  let next = 10;
  return () => {
    next = next >= 65_000 ? 11 : next + 1;
    return `10.96.${next >> 8}.${next & 255}`;
  };
}

function prepareService(next: KubeObject): void {
  for (const port of listOf(valueAt(next, ['spec', 'ports']))) {
    if (isObject(port) && port['port'] !== undefined) port['targetPort'] ??= port['port'];
  }
  const spec = next['spec'];
  if (!isObject(spec) || spec['type'] === 'ExternalName') return;
  spec['internalTrafficPolicy'] ??= 'Cluster';
  if (spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer') spec['externalTrafficPolicy'] ??= 'Cluster';
  if (spec['type'] === 'LoadBalancer') spec['allocateLoadBalancerNodePorts'] ??= true;
}

function allocateAddress(nextAddress: () => string): (next: KubeObject, old: KubeObject | undefined) => void {
  return (next, old) => {
    const spec = next['spec'];
    if (!isObject(spec) || spec['type'] === 'ExternalName') return;
    const before = valueAt(old, ['spec', 'clusterIP']);
    if (spec['clusterIP'] === undefined || spec['clusterIP'] === '') {
      spec['clusterIP'] = typeof before === 'string' ? before : nextAddress();
    }
    spec['clusterIPs'] ??= [spec['clusterIP'] ?? ''];
    spec['ipFamilies'] ??= ['IPv4'];
    spec['ipFamilyPolicy'] ??= 'SingleStack';
  };
}

function checkService(next: KubeObject, old: KubeObject | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const before = valueAt(old, ['spec', 'clusterIP']);
  const now = valueAt(next, ['spec', 'clusterIP']);
  if (
    typeof before === 'string' &&
    before !== '' &&
    typeof now === 'string' &&
    before !== now &&
    valueAt(next, ['spec', 'type']) !== 'ExternalName'
  ) {
    const message = `Invalid value: ${JSON.stringify([now])}: may not change once set`;
    errors.push({ field: 'spec.clusterIPs[0]', reason: 'FieldValueInvalid', message });
  }
  const ports = listOf(valueAt(next, ['spec', 'ports']));
  if (ports.length === 0 && now !== 'None' && valueAt(next, ['spec', 'type']) !== 'ExternalName') {
    errors.push({ field: 'spec.ports', reason: 'FieldValueRequired', message: 'Required value' });
  }
  ports.forEach((port, i) => {
    const number = valueAt(port, ['port']);
    if (typeof number !== 'number' || number < 1 || number > 65535) {
      errors.push({
        field: `spec.ports[${i}].port`,
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${String(number ?? 0)}: must be between 1 and 65535, inclusive`,
      });
    }
    if (ports.length > 1 && typeof valueAt(port, ['name']) !== 'string') {
      errors.push({ field: `spec.ports[${i}].name`, reason: 'FieldValueRequired', message: 'Required value' });
    }
  });
  return errors;
}

const servicePorts = (object: KubeObject): string =>
  listOf(valueAt(object, ['spec', 'ports']))
    .map((p) => `${String(valueAt(p, ['port']))}/${String(valueAt(p, ['protocol']) ?? 'TCP')}`)
    .join(',') || '<none>';

/** Ready containers, restarts and the phase as `kubectl get pods` shows them. */
function podReady(object: KubeObject): string {
  const statuses = listOf(valueAt(object, ['status', 'containerStatuses']));
  const ready = statuses.filter((s) => valueAt(s, ['ready']) === true).length;
  return `${ready}/${listOf(valueAt(object, ['spec', 'containers'])).length}`;
}

function podRestarts(object: KubeObject): string {
  const statuses = listOf(valueAt(object, ['status', 'containerStatuses']));
  return String(statuses.reduce<number>((sum, s) => sum + Number(valueAt(s, ['restartCount']) ?? 0), 0));
}

function checkPodLike(next: KubeObject): FieldError[] {
  const containers = listOf(valueAt(next, ['spec', 'containers']));
  if (containers.length === 0)
    return [{ field: 'spec.containers', reason: 'FieldValueRequired', message: 'Required value' }];
  return containers.flatMap((c, i) =>
    typeof valueAt(c, ['image']) === 'string' && valueAt(c, ['image']) !== ''
      ? []
      : [{ field: `spec.containers[${i}].image`, reason: 'FieldValueRequired', message: 'Required value' }],
  );
}

function preparePod(next: KubeObject, old: KubeObject | undefined): void {
  preparePodTemplate(next);
  const spec = next['spec'];
  if (isObject(spec)) {
    spec['serviceAccountName'] ??= 'default';
    spec['serviceAccount'] ??= spec['serviceAccountName'];
    spec['enableServiceLinks'] ??= true;
    spec['preemptionPolicy'] ??= 'PreemptLowerPriority';
    spec['priority'] ??= 0;
  }
  if (old === undefined)
    next['status'] = { phase: 'Pending', qosClass: 'BestEffort', ...(next['status'] as object | undefined) };
}

const eventSchema = {
  involvedObject: objectReference,
  reason: text,
  message: text,
  source: struct({ component: text, host: text }),
  type: text,
  count: int,
  action: text,
  reportingComponent: or('', text),
  reportingInstance: or('', text),
  related: objectReference,
};

const eventSelectable = [
  ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map(
    (f) => `involvedObject.${f}`,
  ),
  'reason',
  'reportingComponent',
  'source',
  'type',
];

const eventColumns = [
  column('Last Seen', (o) => o['lastTimestamp'] ?? o['eventTime'] ?? o['firstTimestamp']),
  fieldColumn('Type', 'type'),
  fieldColumn('Reason', 'reason'),
  column(
    'Object',
    (o) =>
      `${String(valueAt(o, ['involvedObject', 'kind'])).toLowerCase()}/${String(valueAt(o, ['involvedObject', 'name']))}`,
  ),
  fieldColumn('Message', 'message'),
  { ...nameColumn, priority: 1 },
];

/** events.k8s.io names over the stored core Event. */
const modernToCore: Record<string, string> = {
  note: 'message',
  regarding: 'involvedObject',
  reportingController: 'reportingComponent',
  deprecatedSource: 'source',
  deprecatedCount: 'count',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
};
const coreToModern = Object.fromEntries(Object.entries(modernToCore).map(([a, b]) => [b, a]));

function renamed(object: KubeObject, names: Record<string, string>, apiVersion: string): KubeObject {
  const out = Object.fromEntries(Object.entries(object).map(([key, value]) => [names[key] ?? key, value]));
  return { ...(out as KubeObject), apiVersion };
}

/** Kinds of the core group. */
export function coreKinds(): Kind[] {
  return [
    builtin({
      kind: 'Namespace',
      plural: 'namespaces',
      shortNames: ['ns'],
      namespaced: false,
      nameRule: 'label',
      schema: { spec: struct({ finalizers: atomicList(text) }), status: struct({ phase: text, conditions }) },
      status: true,
      selectable: ['status.phase'],
      columns: [nameColumn, fieldColumn('Status', 'status.phase'), ageColumn],
      prepare: (next) => {
        next.metadata.labels = { ...next.metadata.labels, 'kubernetes.io/metadata.name': next.metadata.name };
      },
      finish: (next, old) => {
        if (old === undefined)
          Object.assign(next, { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } });
      },
    }),
    builtin({
      kind: 'Secret',
      plural: 'secrets',
      schema: { data: textMap, stringData: textMap, type: or('Opaque', text), immutable: flag },
      selectable: ['type'],
      columns: [
        nameColumn,
        fieldColumn('Type', 'type'),
        column('Data', (o) => entries(o, 'data'), { type: 'integer' }),
        ageColumn,
      ],
      prepare: prepareSecret,
      check: checkSecret,
    }),
    builtin({
      kind: 'ConfigMap',
      plural: 'configmaps',
      shortNames: ['cm'],
      schema: { data: textMap, binaryData: textMap, immutable: flag },
      columns: [nameColumn, column('Data', (o) => entries(o, 'data') + entries(o, 'binaryData'), {}), ageColumn],
      check: checkImmutable,
    }),
    builtin({
      kind: 'Service',
      plural: 'services',
      shortNames: ['svc'],
      categories: ['all'],
      nameRule: 'label1035',
      schema: {
        spec: struct({
          type: or('ClusterIP', text),
          clusterIP: text,
          clusterIPs: atomicList(text),
          selector: atomic(textMap),
          sessionAffinity: or('None', text),
          externalName: text,
          externalIPs: atomicList(text),
          publishNotReadyAddresses: flag,
          loadBalancerSourceRanges: atomicList(text),
          ports: mapList(
            ['port', 'protocol'],
            struct({
              name: text,
              port: int,
              protocol: or('TCP', text),
              targetPort: intOrString,
              nodePort: int,
              appProtocol: text,
            }),
          ),
        }),
        status: or(
          { loadBalancer: {} },
          struct({ conditions, loadBalancer: or({}, struct({ ingress: atomicList(any) })) }),
        ),
      },
      status: true,
      selectable: ['spec.clusterIP', 'spec.type'],
      columns: [
        nameColumn,
        fieldColumn('Type', 'spec.type'),
        fieldColumn('Cluster-IP', 'spec.clusterIP'),
        column('External-IP', () => '<none>'),
        column('Port(s)', servicePorts),
        ageColumn,
      ],
      prepare: prepareService,
      finish: allocateAddress(addressPool()),
      check: checkService,
    }),
    builtin({
      kind: 'ServiceAccount',
      plural: 'serviceaccounts',
      shortNames: ['sa'],
      schema: {
        automountServiceAccountToken: flag,
        secrets: mapList(['name'], struct({ name: text })),
        imagePullSecrets: atomicList(any),
      },
      columns: [nameColumn, column('Secrets', (o) => listOf(o['secrets']).length, { type: 'integer' }), ageColumn],
    }),
    builtin({
      kind: 'Pod',
      plural: 'pods',
      shortNames: ['po'],
      categories: ['all'],
      schema: { spec: podSpecSchema, status: podStatusSchema },
      status: true,
      generation: true,
      selectable: [
        'spec.nodeName',
        'spec.restartPolicy',
        'spec.schedulerName',
        'spec.serviceAccountName',
        'status.phase',
        'status.podIP',
      ],
      columns: [
        nameColumn,
        column('Ready', podReady),
        column('Status', (o) =>
          o.metadata.deletionTimestamp === undefined ? valueAt(o, ['status', 'phase']) : 'Terminating',
        ),
        column('Restarts', podRestarts),
        ageColumn,
        fieldColumn('IP', 'status.podIP', { wide: true }),
        fieldColumn('Node', 'spec.nodeName', { wide: true }),
      ],
      prepare: preparePod,
      check: checkPodLike,
    }),
    builtin({
      kind: 'Event',
      plural: 'events',
      shortNames: ['ev'],
      schema: eventSchema,
      selectable: eventSelectable,
      columns: eventColumns,
    }),
    {
      ...builtin({
        group: 'events.k8s.io',
        kind: 'Event',
        plural: 'events',
        shortNames: ['ev'],
        schema: {
          regarding: objectReference,
          related: objectReference,
          note: text,
          reason: text,
          type: text,
          action: text,
        },
        selectable: eventSelectable,
        columns: eventColumns,
        bucket: '/events',
      }),
      toStored: (object) => renamed(object, modernToCore, 'v1'),
      fromStored: (object) => renamed(object, coreToModern, 'events.k8s.io/v1'),
    },
    builtin({
      kind: 'Node',
      plural: 'nodes',
      shortNames: ['no'],
      namespaced: false,
      schema: {
        spec: struct({ podCIDRs: finalizersSchema, taints: atomicList(any) }),
        status: struct({ conditions, addresses: mapList(['type'], struct({ type: text, address: text })) }),
      },
      status: true,
      columns: [nameColumn, ageColumn],
    }),
    builtin({
      kind: 'Endpoints',
      plural: 'endpoints',
      shortNames: ['ep'],
      schema: { subsets: atomicList(any) },
      columns: [nameColumn, ageColumn],
    }),
  ];
}
