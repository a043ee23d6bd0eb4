import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type ClientDuplexStream,
  credentials,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import {
  encodeHealth,
  type MeshModel,
  type MeshRoute,
  type MeshService,
  routeKey,
  serviceKey,
  snapshotOf,
  targetId,
} from '@tsgateway/model';
import { TLSProperties_TLSVersion } from '@tsgateway/protos/envoy/data/accesslog/v3/accesslog';
import { ClusterStats } from '@tsgateway/protos/envoy/config/endpoint/v3/load_report';
import { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import {
  DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
} from '@tsgateway/protos/envoy/service/discovery/v3/discovery';
import { EndpointDiscoveryServiceClient } from '@tsgateway/protos/envoy/service/endpoint/v3/eds';
import {
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthClient,
} from '@tsgateway/protos/grpc/health/v1/health';
import {
  EnvoyGatewayExtensionClient,
  type PostClusterModifyResponse,
  type PostTranslateModifyResponse,
} from '@tsgateway/protos/proto/extension/service';
import { HealthServiceService, HealthUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { MeshModelServiceService, type ModelUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/model';
import {
  AccessLogServiceClient,
  AccessLogServiceService,
  StreamAccessLogsMessage,
} from '@tsgateway/protos/envoy/service/accesslog/v3/als';
import {
  LoadReportingServiceClient,
  LoadStatsRequest,
  type LoadStatsResponse,
} from '@tsgateway/protos/envoy/service/load_stats/v3/lrs';
import { type TrafficReport, TrafficServiceClient } from '@tsgateway/protos/tsgateway/v1alpha1/traffic';
import { ExtensionServerProcess, until } from './testing/extension-server-process.ts';
import { clusterRequest, translationMessage } from './testing/translation-request.ts';

const EDS = 'envoy.service.endpoint.v3.EndpointDiscoveryService';
const CLUSTER = 'tsgateway/default/web/80';

const probe = { path: '/', intervalMs: 100, timeoutMs: 100, healthyThreshold: 1, unhealthyThreshold: 1 };
const machine = (group: string, port: number) => ({
  ...{ id: `${group}/0`, host: '127.0.0.1', port, protocol: 'HTTP' as const, weight: 1, probe },
});
const primary = machine('primary', 9001);
const service: MeshService = {
  ...{ kind: 'TailscaleServices', namespace: 'default', name: 'web', generation: 1 },
  ...{ strategy: 'failover', failbackDelayMs: 60_000 },
  groups: [
    { name: 'primary', source: 'endpoints', weight: 1, tier: 0, machines: [primary] },
    { name: 'secondary', source: 'endpoints', weight: 1, tier: 1, machines: [machine('secondary', 9002)] },
  ],
};
const ref = { group: 'gateway.tailscale.com', kind: 'TailscaleServices', namespace: 'default', name: 'web' };
const route: MeshRoute = {
  ...{ kind: 'HTTPRoute', namespace: 'default', name: 'web', generation: 1 },
  rules: [{ backendRefs: [{ ...ref, port: 80, weight: 1 }] }],
};

/** A server with one server-streaming method, whose newest stream can be written to. */
class Upstream<T> {
  readonly #server = new Server();
  #stream: ServerWritableStream<unknown, T> | undefined;
  port = 0;

  async start(definition: Parameters<Server['addService']>[0], greet: () => T, port = 0): Promise<void> {
    const [method] = Object.keys(definition);
    this.#server.addService(definition, {
      [method ?? '']: (stream: ServerWritableStream<unknown, T>) => {
        this.#stream = stream;
        stream.write(greet());
      },
    });
    this.port = await new Promise((resolve, reject) =>
      this.#server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
  }

  write(message: T): void {
    this.#stream?.write(message);
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

/** One Delta EDS stream, as an Envoy opens it for each cluster. */
class EdsReader {
  /** `ports` of those that get requests; others stand by. */
  readonly received: { name: string; version: string; ports: number[]; at: number }[] = [];
  readonly stream: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
  ended = false;

  constructor(
    client: EndpointDiscoveryServiceClient,
    request: Parameters<typeof DeltaDiscoveryRequest.fromPartial>[0],
  ) {
    this.stream = client.deltaEndpoints();
    this.stream.on('data', (response: DeltaDiscoveryResponse) => {
      for (const { name, version, resource } of response.resources) {
        const { endpoints } = ClusterLoadAssignment.decode(resource?.value ?? Buffer.alloc(0));
        const serving = endpoints.filter((l) => l.priority === 0);
        const ports = serving.flatMap((l) => l.lbEndpoints.map(portOf));
        this.received.push({ name, version, ports, at: performance.now() });
      }
      this.request({ responseNonce: response.nonce });
    });
    this.stream.on('error', () => (this.ended = true));
    this.stream.on('end', () => (this.ended = true));
    this.request(request);
  }

  request(request: Parameters<typeof DeltaDiscoveryRequest.fromPartial>[0]): void {
    this.stream.write(DeltaDiscoveryRequest.fromPartial(request));
  }

  get ports(): number[] | undefined {
    return this.received.at(-1)?.ports;
  }
}

function portOf({ hostIdentifier: h }: ClusterLoadAssignment['endpoints'][number]['lbEndpoints'][number]): number {
  const address = h?.$case === 'endpoint' ? h.value.address?.address : undefined;
  const port = address?.$case === 'socketAddress' ? address.value.portSpecifier : undefined;
  return port?.$case === 'portValue' ? port.value : 0;
}

describe('the extension server as a process', () => {
  let operator = new Upstream<ModelUpdate>();
  const checker = new Upstream<HealthUpdate>();
  let server: ExtensionServerProcess;
  let hooks: EnvoyGatewayExtensionClient;
  let eds: EndpointDiscoveryServiceClient;
  let edsHealth: HealthClient;
  let traffic: TrafficServiceClient;
  let xds: readonly [string, ReturnType<typeof credentials.createInsecure>];
  let revision = 0n;

  const model = (): MeshModel => ({
    revision: (revision += 1n),
    services: new Map([[serviceKey(service), service]]),
    routes: new Map([[routeKey(route), route]]),
    checkers: { epoch: 1, addresses: [`127.0.0.1:${checker.port}`] },
  });
  const health = (healthy: boolean) =>
    HealthUpdate.fromPartial({
      ...{ checker: 'c', epoch: 1n },
      targets: [
        encodeHealth(targetId(primary) ?? '', {
          healthy,
          observedSinceMs: 1,
          transitions: healthy ? [] : [{ atMs: Date.now(), healthy }],
        }),
      ],
    });
  const call = <R>(start: (callback: (error: ServiceError | null, response: R) => void) => unknown): Promise<R> =>
    new Promise((resolve, reject) => start((error, response) => (error ? reject(error) : resolve(response))));
  const translate = async (ruleRequest: Parameters<typeof clusterRequest>[0]) => {
    const { cluster } = await call<PostClusterModifyResponse>((done) =>
      hooks.postClusterModify(clusterRequest(ruleRequest), done),
    );
    if (!cluster) throw new Error('the cluster is gone');
    return call<PostTranslateModifyResponse>((done) => hooks.postTranslateModify(translationMessage([cluster]), done));
  };
  const ours = {
    rule: 'httproute/default/web/rule/0',
    backend: { kind: 'TailscaleServices', name: 'web', generation: 1 },
  };

  beforeAll(async () => {
    await checker.start(HealthServiceService, () =>
      HealthUpdate.fromPartial({ checker: 'c', epoch: 1n, snapshot: true }),
    );
    // A port for the operator, which is not there yet.
    await operator.start(MeshModelServiceService, () => snapshotOf(model()));
    operator.stop();
    server = new ExtensionServerProcess({ OPERATOR_ADDRESS: `127.0.0.1:${operator.port}` });
    await server.listening();
    const address = (name: string) => [server.address(name), credentials.createInsecure()] as const;
    hooks = new EnvoyGatewayExtensionClient(...address('envoygateway.extension.EnvoyGatewayExtension'));
    eds = new EndpointDiscoveryServiceClient(...address(EDS));
    edsHealth = new HealthClient(...address(EDS));
    xds = address(EDS);
    traffic = new TrafficServiceClient(...address('tsgateway.v1alpha1.TrafficService'));
  });

  afterAll(() => {
    for (const client of [hooks, eds, edsHealth, traffic]) client?.close();
    operator.stop();
    checker.stop();
    server.kill();
  });

  it('without a model: says it is not ready, gives foreign clusters back, and refuses its own', async () => {
    expect((await server.http('HEALTH_PROBE_BIND_ADDRESS', '/readyz')).status).toBe(503);
    const answer = await call<HealthCheckResponse>((done) => edsHealth.check({ service: EDS }, done));
    expect(answer.status).toBe(HealthCheckResponse_ServingStatus.NOT_SERVING);
    const foreign = await translate({ rule: 'httproute/default/other/rule/0' });
    expect(foreign.clusters.map((c) => c.name)).toEqual(['httproute/default/other/rule/0']);
    await expect(translate(ours)).rejects.toMatchObject({ code: status.UNAVAILABLE });
  });

  it('answers those who asked early as soon as there is a model, and says that it refused a translation', async () => {
    const early = new EdsReader(eds, { resourceNamesSubscribe: [CLUSTER] });
    const owed: boolean[] = [];
    const watch = traffic.watchTraffic({ client: 'test' });
    watch.on('error', () => undefined).on('data', (r: TrafficReport) => owed.push(r.translationOwed));
    await until('the first report', () => owed.length === 1);
    const { port } = operator;
    operator = new Upstream();
    await operator.start(MeshModelServiceService, () => snapshotOf(model()), port);
    await until('endpoints', () => early.received.length > 0);
    expect(early.ports).toEqual([9001]);
    early.stream.cancel();
    await until('the debt', () => owed.length === 2);
    expect(owed).toEqual([false, true]);
    watch.cancel();
    await until('ready', () => server.logged('Started extension-server').length > 0);
    await until('the checker', () => server.logged('Stream connected').length === 2);
    expect((await server.http('HEALTH_PROBE_BIND_ADDRESS', '/readyz')).status).toBe(200);
  });

  it('sends the traffic of a rule to a cluster of its own', async () => {
    const { clusters, routes } = await translate(ours);
    expect(clusters.map((c) => c.name)).toEqual([CLUSTER]);
    const action = routes[0]?.virtualHosts[0]?.routes[0]?.action;
    expect(action).toMatchObject({ value: { clusterSpecifier: { $case: 'cluster', value: CLUSTER } } });
  });

  it('takes a failed primary out of rotation within milliseconds, on every stream', async () => {
    const readers = Array.from({ length: 20 }, () => new EdsReader(eds, { resourceNamesSubscribe: [CLUSTER] }));
    await until('endpoints', () => readers.every((r) => r.ports?.[0] === 9001));
    const start = performance.now();
    checker.write(health(false));
    await until('the secondary', () => readers.every((r) => r.ports?.[0] === 9002));
    expect(Math.max(...readers.map((r) => (r.received.at(-1)?.at ?? Infinity) - start))).toBeLessThan(250);
    for (const r of readers) r.stream.cancel();
  });

  it('sends nothing that an Envoy has, everything that it asks for again, and counts what it refuses', async () => {
    const first = new EdsReader(eds, { resourceNamesSubscribe: [CLUSTER, 'tsgateway/default/unknown/80'] });
    await until('both names', () => first.received.length === 2);
    expect(first.received.find((r) => r.name !== CLUSTER)?.ports).toEqual([]);
    const version = first.received.find((r) => r.name === CLUSTER)?.version ?? '';

    const again = new EdsReader(eds, {
      resourceNamesSubscribe: [CLUSTER],
      initialResourceVersions: { [CLUSTER]: version },
    });
    again.request({ resourceNamesSubscribe: ['tsgateway/default/unknown/80'] });
    await until('the other name', () => again.received.length === 1);
    expect(again.received[0]?.name).toBe('tsgateway/default/unknown/80');
    again.request({ resourceNamesSubscribe: [CLUSTER] });
    await until('asked again', () => again.received.length === 2);
    expect(again.received[1]).toMatchObject({ name: CLUSTER, version });

    again.request({ responseNonce: '2', errorDetail: { code: 3, message: 'malformed address', details: [] } });
    await until('the refusal', () => server.logged('EDS response rejected').length === 1);
    const metrics = await (await server.http('METRICS_BIND_ADDRESS', '/metrics')).text();
    expect(metrics).toMatch(/^extension_server_eds_rejected_total 1$/m);
    expect(metrics).toMatch(/^extension_server_upstream_connected\{upstream="operator"\} 1$/m);
    expect(metrics).toMatch(/grpc_server_requests_total\{.*grpc_method="PostTranslateModify".*\} 3/);
    for (const r of [first, again]) r.stream.cancel();
  });

  it('sums the request counts that Envoys report, and streams them', async () => {
    const lrs = new LoadReportingServiceClient(...xds);
    const answers: LoadStatsResponse[] = [];
    const stream = lrs.streamLoadStats();
    stream.on('error', () => undefined).on('data', (answer: LoadStatsResponse) => answers.push(answer));
    const report = (issued: number) =>
      ClusterStats.fromPartial({
        clusterName: CLUSTER,
        upstreamLocalityStats: [
          { locality: { region: 'primary' }, totalIssuedRequests: issued, totalSuccessfulRequests: issued },
        ],
      });
    stream.write(LoadStatsRequest.fromPartial({ node: { id: 'envoy' } }));
    await until('the answer', () => answers.length === 1);
    expect(answers[0]).toMatchObject({ sendAllClusters: true, loadReportingInterval: { seconds: 5n, nanos: 0 } });
    stream.write(LoadStatsRequest.fromPartial({ clusterStats: [report(3)] }));

    const reports: TrafficReport[] = [];
    const watch = traffic.watchTraffic({ client: 'test' });
    watch.on('error', () => undefined).on('data', (r: TrafficReport) => reports.push(r));
    const issued = () => reports.at(-1)?.groups[0]?.issued;
    await until('the first report', () => issued() === 3n);
    stream.write(LoadStatsRequest.fromPartial({ clusterStats: [report(4), report(1)] }));
    await until('the second report', () => issued() === 8n);
    expect(reports.at(-1)?.groups).toMatchObject([{ service: serviceKey(service), group: 'primary', failed: 0n }]);
    expect(new Set(reports.map((r) => r.bootId)).size).toBe(1);
    expect(answers).toHaveLength(1);
    stream.cancel();
    watch.cancel();
    lrs.close();
  });

  it('counts the flows of access logs, also after a message that cannot be read', async () => {
    const als = new AccessLogServiceClient(...xds);
    const { path } = AccessLogServiceService.streamAccessLogs;
    const stream = als.makeClientStreamRequest(
      path,
      (b: Buffer) => b,
      (b: Buffer) => b,
      () => undefined,
    );
    stream.on('error', () => undefined);
    const entry = {
      commonProperties: {
        responseFlags: { upstreamRemoteReset: true },
        tlsProperties: { tlsVersion: TLSProperties_TLSVersion.TLSv1_3 },
      },
    };
    const message = StreamAccessLogsMessage.fromPartial({
      logEntries: { $case: 'httpLogs', value: { logEntry: [entry, entry] } },
    });
    stream.write(Buffer.from('0affffffff', 'hex'));
    stream.write(Buffer.from(StreamAccessLogsMessage.encode(message).finish()));
    let metrics = '';
    const deadline = Date.now() + 10_000;
    while (!/^flow_msgs 2$/m.test(metrics) && Date.now() < deadline) {
      metrics = await (await server.http('METRICS_BIND_ADDRESS', '/metrics')).text();
    }
    expect(metrics).toMatch(/^flows_task_total\{status="error"\} 2$/m);
    expect(metrics).toMatch(/^flow_msgs_lost 1$/m);
    expect(metrics).toMatch(/^resetconn_msgs 2$/m);
    expect(metrics).toMatch(/^tlsheaders_parse_total\{status="success"\} 2$/m);
    expect(metrics).toMatch(/^extension_server_xds_streams\{service="als"\} 1$/m);
    stream.cancel();
    als.close();
  });

  it('serves the last good state while operator and checker are away', async () => {
    operator.stop();
    checker.stop();
    await until('both streams lost', () => server.logged('Stream lost, reconnecting').length >= 3);
    const reader = new EdsReader(eds, { resourceNamesSubscribe: [CLUSTER] });
    await until('endpoints', () => reader.ports?.[0] === 9002);
    expect((await translate(ours)).clusters.map((c) => c.name)).toEqual([CLUSTER]);
    const ready = await server.http('HEALTH_PROBE_BIND_ADDRESS', '/readyz?verbose');
    expect([ready.status, await ready.text()]).toEqual([200, expect.stringMatching(/the operator is away/)]);
    reader.stream.cancel();
  });

  it('ends streams and exits when it is told to', async () => {
    const reader = new EdsReader(eds, { resourceNamesSubscribe: [CLUSTER] });
    await until('endpoints', () => reader.received.length > 0);
    // An Envoy never ends its streams of counts and logs by itself.
    const [lrs, als] = [new LoadReportingServiceClient(...xds), new AccessLogServiceClient(...xds)];
    lrs
      .streamLoadStats()
      .on('error', () => undefined)
      .write(LoadStatsRequest.fromPartial({}));
    als.streamAccessLogs(() => undefined).write(StreamAccessLogsMessage.fromPartial({}));
    const metrics = async () => (await server.http('METRICS_BIND_ADDRESS', '/metrics')).text();
    let streams = '';
    const opened = /streams\{service="lrs"\} 1\n[^]*streams\{service="als"\} 1\n/;
    for (let i = 0; i < 500 && !opened.test(streams); i++) streams = await metrics();
    expect(streams).toMatch(opened);
    const stoppedAt = performance.now();
    expect(await server.stop()).toBe(0);
    await until('the end of the stream', () => reader.ended);
    expect(performance.now() - stoppedAt).toBeLessThan(4_000);
    for (const client of [lrs, als]) client.close();
  });
});
