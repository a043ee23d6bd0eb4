import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';

const streamCreated = 'http2.server.stream.created';

/**
 * Lets clients of the server at `port` send `bytes` before they hear from it; HTTP/2's own window is 64 KiB, and the
 * sender of a large message waits again and again. grpc-js has such an option for clients only, so connections are
 * found by the first stream that Node tells of. Returns what ends it.
 */
export function widenReceiveWindow({ port, bytes }: { port: number; bytes: number }): () => void {
  const wide = new WeakSet<ServerHttp2Session>();
  const onStream = (message: unknown): void => {
    const { session } = (message as { stream: ServerHttp2Stream }).stream as { session?: ServerHttp2Session };
    if (session === undefined || wide.has(session) || session.socket.localPort !== port) return;
    wide.add(session);
    session.setLocalWindowSize(bytes);
    session.settings({ initialWindowSize: bytes });
  };
  subscribe(streamCreated, onStream);
  return () => unsubscribe(streamCreated, onStream);
}
