import type { ServerResponse } from 'node:http';
import { apiVersionOf } from '../kinds/kind.ts';
import type { Kind } from '../kinds/kind.ts';
import { asJson } from '../object.ts';
import type { JsonObject, KubeObject } from '../object.ts';
import type { ResourceApi } from '../resources/resource-api.ts';
import { expired, StatusError } from '../status-error.ts';
import type { StoreEvent } from '../storage/store.ts';
import { partialMetadata, tableOf } from './table.ts';
import type { IncludeObject } from './table.ts';
import type { Shape } from './negotiate.ts';

export interface WatchRequest {
  kind: Kind;
  matches: (object: KubeObject) => boolean;
  /** Undefined or 0: begin with the present objects as ADDED events. */
  resourceVersion: number | undefined;
  bookmarks: boolean;
  /** The watch-list protocol: present objects, then a bookmark that says so. */
  initialEvents: boolean;
  timeoutMs: number;
  shape: Shape;
  include: IncludeObject;
}

export interface WatchLimits {
  maxWatchers: number;
  /** A client that leaves this many bytes unread is cut off; it resumes from its last resourceVersion. */
  maxBufferedBytes: number;
  bookmarkIntervalMs: number;
}

interface WireEvent {
  type: string;
  object: KubeObject;
  revision: number;
}

/** Serves watches: one chunked JSON line per event. */
export class WatchServer {
  private readonly api: ResourceApi;
  private readonly limits: WatchLimits;
  private readonly open = new Set<() => void>();

  constructor(api: ResourceApi, limits: WatchLimits) {
    this.api = api;
    this.limits = limits;
  }

  get count(): number {
    return this.open.size;
  }

  /** Ends every watch, as a server that shuts down does. */
  close(): void {
    for (const end of [...this.open]) end();
  }

  /**
   * Answers with the stream. A resourceVersion older than the history is told as an ERROR event with a Status of 410.
   *
   * @throws {StatusError} 429 beyond the most watchers
   */
  serve(request: WatchRequest, response: ServerResponse): void {
    const { kind } = request;
    if (this.open.size >= this.limits.maxWatchers) {
      throw new StatusError({
        code: 429,
        reason: 'TooManyRequests',
        message: `the embedded API serves at most ${this.limits.maxWatchers} watches`,
        details: { retryAfterSeconds: 1 },
      });
    }
    const first = this.initial(request);
    response.writeHead(200, {
      'content-type': 'application/json',
      'transfer-encoding': 'chunked',
      'cache-control': 'no-cache, private',
    });
    response.flushHeaders();

    if (first instanceof StatusError) {
      response.end(`${JSON.stringify({ type: 'ERROR', object: first.toStatus() })}\n`);
      return;
    }
    let revision = this.api.store.revision;
    let headers = true;
    const end = (): void => {
      if (!this.open.delete(end)) return;
      unsubscribe();
      clearTimeout(timeout);
      clearInterval(bookmarks);
      if (!response.writableEnded) response.end();
    };
    const send = (type: string, object: JsonObject): void => {
      response.write(`${JSON.stringify({ type, object })}\n`);
      if (response.writableLength > this.limits.maxBufferedBytes) {
        end();
        response.destroy();
      }
    };
    const sendEvent = (event: WireEvent): void => {
      send(event.type, this.shaped(request, event, headers));
      headers = false;
      revision = event.revision;
    };
    const bookmark = (annotations?: Record<string, string>): void => {
      const metadata = { resourceVersion: String(revision), ...(annotations === undefined ? {} : { annotations }) };
      const object = { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata } as unknown as KubeObject;
      send(
        'BOOKMARK',
        request.shape.as === 'object'
          ? asJson(object)
          : this.shaped(request, { type: 'BOOKMARK', object, revision }, headers),
      );
    };

    const unsubscribe = this.api.store.subscribe((event) => {
      if (event.bucket !== kind.bucket || event.revision <= (request.resourceVersion ?? 0)) return;
      const wire = this.visible(request, event);
      // Also without an event for this watcher the stream has seen this revision, which bookmarks tell.
      if (wire === undefined) revision = event.revision;
      else sendEvent(wire);
    });
    const timeout = setTimeout(() => {
      if (request.bookmarks) bookmark();
      end();
    }, request.timeoutMs);
    const bookmarks = setInterval(() => {
      revision = this.api.store.revision;
      if (request.bookmarks) bookmark();
    }, this.limits.bookmarkIntervalMs);
    timeout.unref();
    bookmarks.unref();
    this.open.add(end);
    response.on('close', end);

    for (const event of first) sendEvent(event);
    revision = this.api.store.revision;
    if (request.initialEvents) bookmark({ 'k8s.io/initial-events-end': 'true' });
  }

  private initial(request: WatchRequest): WireEvent[] | StatusError {
    const { kind, resourceVersion } = request;
    const { store } = this.api;
    if (resourceVersion === undefined || resourceVersion === 0 || request.initialEvents) {
      return store
        .list(kind.bucket)
        .map((stored) => this.api.show(kind, stored))
        .filter(request.matches)
        .map((object) => ({ type: 'ADDED', object, revision: Number(object.metadata.resourceVersion) }));
    }
    const missed = store.since(kind.bucket, resourceVersion);
    if (missed === 'gone') {
      return expired(`too old resource version: ${resourceVersion} (${store.oldestRevision(kind.bucket)})`);
    }
    return missed.flatMap((event) => this.visible(request, event) ?? []);
  }

  /** The event as a selector sees it: starting to match is ADDED, ceasing to is DELETED. */
  private visible(request: WatchRequest, event: StoreEvent): WireEvent | undefined {
    const object = this.api.show(request.kind, event.object);
    const { revision } = event;
    const now = event.type !== 'DELETED' && request.matches(object);
    const before = event.previous !== undefined && request.matches(this.api.show(request.kind, event.previous));
    if (now) return { type: before ? 'MODIFIED' : 'ADDED', object, revision };
    if (!before || event.previous === undefined) return undefined;
    if (event.type === 'DELETED') return { type: 'DELETED', object, revision };
    // An object that ceased to match is shown as it last was, under the new resourceVersion.
    const last = this.api.show(request.kind, event.previous);
    const metadata = { ...last.metadata, resourceVersion: String(revision) };
    return { type: 'DELETED', object: { ...last, metadata }, revision };
  }

  private shaped(request: WatchRequest, event: WireEvent, headers: boolean): JsonObject {
    const { object } = event;
    if (request.shape.as === 'object') return asJson(object);
    if (request.shape.as === 'metadata') return partialMetadata(object);
    const metadata = { resourceVersion: object.metadata.resourceVersion };
    return tableOf(request.kind, [object], { metadata, include: request.include, now: Date.now(), headers });
  }
}
