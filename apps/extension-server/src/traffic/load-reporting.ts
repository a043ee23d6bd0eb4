import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { ClusterStats } from '@tsgateway/protos/envoy/config/endpoint/v3/load_report';
import {
  type LoadReportingServiceServer,
  type LoadStatsRequest,
  LoadStatsResponse,
} from '@tsgateway/protos/envoy/service/load_stats/v3/lrs';

export interface LoadReportingOptions {
  /** Counts that an Envoy reports, since its report before. */
  readonly onReport: (report: readonly ClusterStats[]) => void;
  /** Open streams: one per Envoy. */
  readonly onStreams: (count: number) => void;
}

const reportEverySeconds = 5n;

/**
 * Envoy's LoadReportingService. Envoy says hello and waits: the one answer asks for the counts of all its clusters, as
 * those of ours come and go with the routes.
 */
export class LoadReporting {
  readonly #options: LoadReportingOptions;
  #streams = 0;

  constructor(options: LoadReportingOptions) {
    this.#options = options;
  }

  get implementation(): LoadReportingServiceServer {
    return { streamLoadStats: (stream) => this.#serve(stream) };
  }

  #serve(stream: ServerDuplexStream<LoadStatsRequest, LoadStatsResponse>): void {
    this.#options.onStreams(++this.#streams);
    let open = true;
    let greeted = false;
    const gone = () => {
      if (open) this.#options.onStreams(--this.#streams);
      open = false;
    };
    stream.on('data', ({ clusterStats }: LoadStatsRequest) => {
      if (!greeted) {
        greeted = true;
        const loadReportingInterval = { seconds: reportEverySeconds, nanos: 0 };
        stream.write(LoadStatsResponse.fromPartial({ sendAllClusters: true, loadReportingInterval }));
      }
      this.#options.onReport(clusterStats);
    });
    stream.on('end', () => {
      gone();
      stream.end();
    });
    for (const event of ['error', 'close', 'cancelled']) stream.on(event, gone);
  }
}
