import { Client, credentials } from '@grpc/grpc-js';
import { RouteConfiguration } from '@tsgateway/protos/envoy/config/route/v3/route';
import { Route, VirtualHost } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import { Secret } from '@tsgateway/protos/envoy/extensions/transport_sockets/tls/v3/secret';
import { clusterHookRequest, translationResources } from '../corpus/requests.ts';
import { fields, valuesOf } from '../corpus/wire.ts';
import type { Experiment } from '../experiment.ts';
import { hookMethod } from '../peers/load-client.ts';

const nothing = Buffer.alloc(0);
/** A field that no proto of ours knows, as a newer Envoy Gateway might send it. */
const unknownNumber = 1999;
const unknownField = fields(unknownNumber, [Buffer.from('from a later version')]);
const withUnknown = (message: Uint8Array): Uint8Array => Buffer.concat([message, unknownField]);
const hasUnknown = (message: Uint8Array): boolean => valuesOf(message, unknownNumber).length === 1;

/** A route configuration with such a field in itself, in each virtual host, and in each route. */
function withUnknownEverywhere(configuration: Uint8Array): Uint8Array {
  const decoded = RouteConfiguration.decode(configuration);
  const hosts = decoded.virtualHosts.map((host) => {
    const routes = host.routes.map((route) => withUnknown(Route.encode(route).finish()));
    return withUnknown(Buffer.concat([VirtualHost.encode({ ...host, routes: [] }).finish(), fields(3, routes)]));
  });
  const rest = RouteConfiguration.encode({ ...decoded, virtualHosts: [] }).finish();
  return withUnknown(Buffer.concat([rest, fields(2, hosts)]));
}

/** A route configuration, its virtual hosts, and their routes. */
function partsOf(configuration: Uint8Array): Uint8Array[] {
  const hosts = valuesOf(configuration, 2);
  return [configuration, ...hosts, ...hosts.flatMap((host) => valuesOf(host, 3))];
}

/** Field numbers in a response; in a request they are one higher. */
const numbers = { clusters: 1, secrets: 2, listeners: 3, routes: 4 } as const;
type Kind = keyof typeof numbers;
type Resources = Readonly<Record<Kind, readonly Uint8Array[]>>;
const kinds = Object.keys(numbers) as Kind[];

const foreignCount = 1000;
const customCount = 100;

/** P10: nothing that is not ours is touched. Counts, no clock. */
export const bytes: Experiment = {
  measures: [
    {
      ...{
        id: 'P10',
        title: 'What is not ours comes back',
        unit: 'resources',
        n: '1,000 foreign clusters, 100 custom',
      },
      what:
        'Resources of others in a Translation response that are byte by byte what was sent, in order; and resources, ' +
        'virtual hosts and routes, ours too, that keep a field which our protos do not know (also in the Cluster hook)',
      ratios: [
        ['identical', 'foreign'],
        ['whole', 'unknown'],
      ],
    },
  ],
  needsGo: false,
  async start(bench) {
    const made = translationResources({ foreign: foreignCount, tls: 'some', custom: customCount });
    const secrets = [0, 1, 2].map((i) => Secret.encode(Secret.fromPartial({ name: `default/secret-${i}` })).finish());
    const sent: Resources = {
      clusters: made.clusters.map(withUnknown),
      secrets: secrets.map(withUnknown),
      listeners: made.listeners.map(withUnknown),
      routes: made.routes.map(withUnknownEverywhere),
    };
    // What is ours stands last: the clusters of custom rules, and the route configuration that leads to them.
    const foreign: Resources = {
      ...sent,
      clusters: sent.clusters.slice(0, foreignCount),
      routes: sent.routes.slice(0, -1),
    };
    const translation = Buffer.concat(kinds.map((kind) => fields(numbers[kind] + 1, sent[kind])));
    const stamping = Buffer.concat([
      fields(1, valuesOf(clusterHookRequest(7), 1).map(withUnknown)),
      fields(2, valuesOf(clusterHookRequest(7), 2)),
    ]);

    const { target } = await bench.extensionServer();
    const unlimited = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
    const client = new Client(target, credentials.createInsecure(), unlimited);
    const call = (hook: string, message: Buffer) =>
      new Promise<Buffer>((resolve, reject) => {
        const raw = (b: Buffer) => b;
        const deadline = { deadline: Date.now() + 30_000 };
        client.makeUnaryRequest(hookMethod(hook), raw, raw, message, deadline, (error, response) => {
          if (error) reject(error);
          else resolve(response ?? nothing);
        });
      });
    return async () => {
      const response = await call('PostTranslateModify', translation);
      const answer = Object.fromEntries(kinds.map((k) => [k, valuesOf(response, numbers[k])])) as unknown as Resources;
      const stamped = valuesOf(await call('PostClusterModify', stamping), 1);
      const same = (kind: Kind) => foreign[kind].filter((r, i) => Buffer.compare(r, answer[kind][i] ?? nothing) === 0);
      // Clusters of custom rules are replaced by those of their services; all else must be whole.
      const whole = (of: Resources) =>
        [...of.clusters.slice(0, foreignCount), ...of.secrets, ...of.listeners, ...of.routes.flatMap(partsOf)].filter(
          hasUnknown,
        ).length;
      return {
        P10: {
          foreign: kinds.flatMap((kind) => foreign[kind]).length,
          identical: kinds.flatMap(same).length,
          unknown: whole(sent) + 1,
          whole: whole(answer) + stamped.filter(hasUnknown).length,
        },
      };
    };
  },
};
