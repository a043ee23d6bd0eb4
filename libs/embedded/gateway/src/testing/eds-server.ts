import type { ServerDuplexStream } from '@grpc/grpc-js';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from '@tsgateway/protos/envoy/service/discovery/v3/discovery';
import { DeltaDiscoveryResponse as Response } from '@tsgateway/protos/envoy/service/discovery/v3/discovery';
import { EndpointDiscoveryServiceService } from '@tsgateway/protos/envoy/service/endpoint/v3/eds';
import { ENDPOINT_TYPE } from '../xds/resource.ts';

type Stream = ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

/** One endpoint of a test's cluster. */
export interface TestEndpoint {
  readonly port: number;
  readonly weight?: number;
  /** Envoy's number: 2 is UNHEALTHY. */
  readonly health?: number;
  /** Endpoints of one name are one locality. */
  readonly group?: string;
  readonly groupWeight?: number;
  readonly priority?: number;
}

export function loadAssignment(clusterName: string, endpoints: readonly TestEndpoint[]): ClusterLoadAssignment {
  const groups = Map.groupBy(endpoints, (e) => e.group ?? 'all');
  return ClusterLoadAssignment.fromPartial({
    clusterName,
    endpoints: [...groups].map(([region, members]) => ({
      locality: { region },
      loadBalancingWeight: members[0]?.groupWeight ?? 1,
      priority: members[0]?.priority ?? 0,
      lbEndpoints: members.map((e) => ({
        hostIdentifier: {
          $case: 'endpoint' as const,
          value: {
            address: {
              address: {
                $case: 'socketAddress' as const,
                value: { address: '127.0.0.1', portSpecifier: { $case: 'portValue' as const, value: e.port } },
              },
            },
          },
        },
        healthStatus: (e.health ?? 1) as 1,
        loadBalancingWeight: e.weight ?? 1,
      })),
    })),
  });
}

/** An EDS server as the extension server is one: incremental, endpoints by service name. */
export class TestEdsServer {
  readonly #assignments = new Map<string, ClusterLoadAssignment>();
  readonly #streams = new Map<Stream, Set<string>>();
  readonly #server = new Server();
  #version = 0;

  async listen(port = 0): Promise<string> {
    this.#server.addService(EndpointDiscoveryServiceService, {
      streamEndpoints: (call: Stream) => call.end(),
      fetchEndpoints: (_call: unknown, done: (e: Error) => void) => done(new Error('not served')),
      deltaEndpoints: (call: Stream) => {
        const names = new Set<string>();
        this.#streams.set(call, names);
        call.on('data', (request: DeltaDiscoveryRequest) => {
          for (const name of request.resourceNamesUnsubscribe) names.delete(name);
          for (const name of request.resourceNamesSubscribe) names.add(name);
          if (request.resourceNamesSubscribe.length > 0) this.#send(call, request.resourceNamesSubscribe);
        });
        call.on('end', () => {
          this.#streams.delete(call);
          call.end();
        });
        call.on('error', () => this.#streams.delete(call));
        call.on('cancelled', () => this.#streams.delete(call));
      },
    });
    const bound = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, p) =>
        error ? reject(error) : resolve(p),
      );
    });
    return `127.0.0.1:${bound}`;
  }

  set(name: string, endpoints: readonly TestEndpoint[]): void {
    this.#assignments.set(name, loadAssignment(name, endpoints));
    for (const [call, names] of this.#streams) if (names.has(name)) this.#send(call, [name]);
  }

  #send(call: Stream, names: readonly string[]): void {
    const version = String(++this.#version);
    call.write(
      Response.fromPartial({
        typeUrl: ENDPOINT_TYPE,
        nonce: version,
        resources: names.flatMap((name) => {
          const value = this.#assignments.get(name);
          if (!value) return [];
          const bytes = Buffer.from(ClusterLoadAssignment.encode(value).finish());
          return [{ name, version, resource: { typeUrl: ENDPOINT_TYPE, value: bytes } }];
        }),
      }),
    );
  }

  close(): void {
    this.#server.forceShutdown();
  }
}
