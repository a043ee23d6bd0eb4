import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import type {
  PostClusterModifyRequest,
  PostClusterModifyResponse,
  PostTranslateModifyRequest,
  PostTranslateModifyResponse,
} from '@tsgateway/protos/proto/extension/service';
import { EnvoyGatewayExtensionService } from '@tsgateway/protos/proto/extension/service';
import { edsCluster } from './snapshots.ts';

interface TestObject {
  readonly kind: string;
  readonly metadata: { readonly namespace: string; readonly name: string };
}

/** An extension server that gives each rule its endpoints by EDS, under the name of its first backend. */
export class TestExtensionServer {
  /** Calls in order: the hook, what it was called for, and the objects in its context. */
  readonly calls: string[] = [];
  /** The next calls fail with this. */
  failure: { code: number; details: string } | undefined;
  /** Changes the answer of the Translation hook. */
  change: (answer: PostTranslateModifyResponse) => PostTranslateModifyResponse = (answer) => answer;
  readonly #backends = new Map<string, string>();
  readonly #server = new Server();
  #concurrent = 0;
  maxConcurrent = 0;

  async listen(port = 0): Promise<string> {
    const unused = (_call: unknown, done: sendUnaryData<never>) =>
      done({ code: 12, details: 'not called by Envoy Gateway here' });
    this.#server.addService(EnvoyGatewayExtensionService, {
      postClusterModify: this.#serial((r: PostClusterModifyRequest) => this.#cluster(r)),
      postTranslateModify: this.#serial((r: PostTranslateModifyRequest) => this.#translate(r)),
      postRouteModify: unused,
      postVirtualHostModify: unused,
      postHttpListenerModify: unused,
      postHTTPListenerModify: unused,
      postEndpointsModify: unused,
    });
    const bound = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, p) =>
        error ? reject(error) : resolve(p),
      );
    });
    return `127.0.0.1:${bound}`;
  }

  /** The clusters that the last Translation hook saw, by name. */
  readonly seen = new Map<string, Cluster>();

  #cluster(request: PostClusterModifyRequest): PostClusterModifyResponse {
    const name = request.cluster?.name ?? '';
    const objects = objectsOf(request.postClusterContext?.backendExtensionResources);
    this.calls.push(`cluster ${name}: ${objects.map(label).join(', ')}`);
    this.#backends.set(name, objects[0]?.metadata.name ?? '');
    return { cluster: request.cluster };
  }

  #translate(request: PostTranslateModifyRequest): PostTranslateModifyResponse {
    const policies = objectsOf(request.postTranslateContext?.extensionResources);
    const names = request.clusters.map((c) => c.name);
    this.calls.push(
      `translate ${names.length} clusters, ${request.routes.length} routes: ${policies.map(label).join(', ')}`,
    );
    this.seen.clear();
    for (const c of request.clusters) this.seen.set(c.name, c);
    const backends = new Map(this.#backends);
    this.#backends.clear();
    return this.change({
      clusters: request.clusters.map((c) => {
        const backend = backends.get(c.name);
        if (backend === undefined) return c;
        const own = edsCluster(c.name);
        return { ...own, edsClusterConfig: { edsConfig: own.edsClusterConfig?.edsConfig, serviceName: backend } };
      }),
      routes: request.routes,
      listeners: request.listeners,
      secrets: [],
    });
  }

  #serial<Q, A>(answer: (request: Q) => A): (call: ServerUnaryCall<Q, A>, done: sendUnaryData<A>) => void {
    return (call, done) => {
      this.maxConcurrent = Math.max(this.maxConcurrent, ++this.#concurrent);
      // Answered later, so that calls which overlap would be seen to.
      setImmediate(() => {
        this.#concurrent--;
        if (this.failure) done(this.failure);
        else done(null, answer(call.request));
      });
    };
  }

  close(): void {
    this.#server.forceShutdown();
  }
}

const objectsOf = (resources: readonly { unstructuredBytes: Buffer }[] = []): TestObject[] =>
  resources.map((r) => JSON.parse(r.unstructuredBytes.toString()) as TestObject);

const label = (o: TestObject): string => `${o.kind} ${o.metadata.namespace}/${o.metadata.name}`;
