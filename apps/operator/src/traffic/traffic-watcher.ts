import { credentials } from '@grpc/grpc-js';
import type { Logger } from '@tsgateway/process';
import { TrafficServiceClient, type TrafficReport } from '@tsgateway/protos/tsgateway/v1alpha1/traffic';
import { clientOptions, watchStream } from '@tsgateway/rpc';
import { followPeers, type Peers } from '../peers/peers.ts';

/** How servers are known. */
export interface ChannelTls {
  /** PEM. */
  readonly ca: Buffer;
  /** What their certificates are for; undefined: the host that is dialled. */
  readonly name: string | undefined;
}

/** Follows what every extension server counts, until the signal aborts. */
export function watchTraffic(options: {
  readonly peers: Peers;
  /** Who this is, for the servers' logs. */
  readonly client: string;
  /** Undefined: plain text. */
  readonly tls?: ChannelTls | undefined;
  /** `running`: the process may have been counting before this watch began. */
  readonly onReport: (report: TrafficReport, running: boolean) => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
}): void {
  const { peers, client: name, tls, onReport, log, signal: term } = options;
  const channel = tls ? credentials.createSsl(tls.ca) : credentials.createInsecure();
  const channelOptions = { ...clientOptions(), ...(tls?.name && { 'grpc.ssl_target_name_override': tls.name }) };
  followPeers({
    peers,
    signal: term,
    follow: (address, { first, signal }) => {
      const client = new TrafficServiceClient(address, channel, channelOptions);
      let boot: string | undefined;
      watchStream<TrafficReport>({
        name: `traffic of ${address}`,
        open: () => client.watchTraffic({ client: name }),
        onMessage: (report) => {
          // The first process at an address that was there already; those after it started under our eyes.
          boot ??= report.bootId;
          onReport(report, first && boot === report.bootId);
        },
        log,
        signal,
      });
      signal.addEventListener(
        'abort',
        () => {
          client.close();
        },
        { once: true },
      );
    },
  });
}
