import type { Schema } from '../schema/schema.ts';
import { objectMetaSchema } from '../schema/schema.ts';
import {
  any,
  atomic,
  atomicList,
  conditions,
  flag,
  int,
  intOrString,
  labelSelector,
  mapList,
  or,
  setList,
  struct,
  text,
  textMap,
  time,
} from './schema-builder.ts';

const probe: Schema = struct({
  httpGet: struct({ path: text, port: intOrString, scheme: or('HTTP', text), host: text }),
  tcpSocket: struct({ port: intOrString }),
  grpc: struct({ port: int, service: or('', text) }),
  exec: struct({ command: atomicList(text) }),
  initialDelaySeconds: int,
  timeoutSeconds: or(1, int),
  periodSeconds: or(10, int),
  successThreshold: or(1, int),
  failureThreshold: or(3, int),
});

const container: Schema = struct(
  {
    name: text,
    image: text,
    command: atomicList(text),
    args: atomicList(text),
    workingDir: text,
    imagePullPolicy: text,
    terminationMessagePath: or('/dev/termination-log', text),
    terminationMessagePolicy: or('File', text),
    resources: or(
      {},
      struct({
        limits: { type: 'object', additionalProperties: intOrString },
        requests: { type: 'object', additionalProperties: intOrString },
      }),
    ),
    ports: mapList(
      ['containerPort', 'protocol'],
      struct({ name: text, containerPort: int, protocol: or('TCP', text), hostPort: int, hostIP: text }),
    ),
    env: mapList(
      ['name'],
      struct({
        name: text,
        value: text,
        valueFrom: struct({
          fieldRef: atomic(struct({ apiVersion: or('v1', text), fieldPath: text })),
          secretKeyRef: atomic(struct({ name: text, key: text, optional: flag })),
          configMapKeyRef: atomic(struct({ name: text, key: text, optional: flag })),
          resourceFieldRef: atomic(any),
        }),
      }),
    ),
    envFrom: atomicList(any),
    volumeMounts: mapList(['mountPath'], struct({ name: text, mountPath: text, subPath: text, readOnly: flag })),
    volumeDevices: mapList(['devicePath'], struct({ name: text, devicePath: text })),
    livenessProbe: probe,
    readinessProbe: probe,
    startupProbe: probe,
    lifecycle: any,
    securityContext: struct({
      capabilities: struct({ add: atomicList(text), drop: atomicList(text) }),
      privileged: flag,
      runAsUser: int,
      runAsNonRoot: flag,
      readOnlyRootFilesystem: flag,
      allowPrivilegeEscalation: flag,
      seccompProfile: struct({ type: text }),
    }),
  },
  { required: ['name'] },
);

/** core/v1 PodSpec: merge keys and defaults; everything else is kept as it comes. */
export const podSpecSchema: Schema = struct({
  containers: mapList(['name'], container),
  initContainers: mapList(['name'], container),
  ephemeralContainers: mapList(['name'], container),
  volumes: mapList(
    ['name'],
    struct({
      name: text,
      secret: struct({ secretName: text, defaultMode: or(420, int), items: atomicList(any), optional: flag }),
      configMap: struct({ name: text, defaultMode: or(420, int), items: atomicList(any), optional: flag }),
      emptyDir: any,
      projected: struct({ defaultMode: or(420, int), sources: atomicList(any) }),
      persistentVolumeClaim: struct({ claimName: text, readOnly: flag }),
    }),
  ),
  restartPolicy: or('Always', text),
  terminationGracePeriodSeconds: or(30, int),
  dnsPolicy: or('ClusterFirst', text),
  schedulerName: or('default-scheduler', text),
  securityContext: or({}, struct({ sysctls: atomicList(any), supplementalGroups: atomicList(int) })),
  serviceAccountName: text,
  serviceAccount: text,
  nodeName: text,
  nodeSelector: atomic(textMap),
  tolerations: atomicList(any),
  affinity: any,
  hostAliases: mapList(['ip'], struct({ ip: text, hostnames: atomicList(text) })),
  imagePullSecrets: mapList(['name'], atomic(struct({ name: or('', text) }))),
  topologySpreadConstraints: mapList(
    ['topologyKey', 'whenUnsatisfiable'],
    struct({ topologyKey: text, whenUnsatisfiable: text, maxSkew: int, labelSelector }),
  ),
});

export const podTemplateSchema: Schema = struct({ metadata: objectMetaSchema, spec: podSpecSchema });

export const podStatusSchema: Schema = struct({
  phase: text,
  podIP: text,
  hostIP: text,
  podIPs: mapList(['ip'], struct({ ip: text })),
  hostIPs: atomicList(struct({ ip: text })),
  startTime: time,
  conditions,
  containerStatuses: atomicList(any),
  initContainerStatuses: atomicList(any),
  qosClass: text,
});

export const finalizersSchema: Schema = setList(text);
