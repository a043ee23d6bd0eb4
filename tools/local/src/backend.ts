// A demo backend, a process of its own: `node backend.js NAME PORT`. It answers every path with its name. It takes
// `{ latencyMs }` from its parent, and tells it of each probe, `{ probes, atMs }`: how many so far, and when.
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const [name = 'backend', port = '0'] = process.argv.slice(2);
let latencyMs = 0;
let probes = 0;

const server = createServer((request, response) => {
  const isProbe = request.headers['user-agent'] === 'tailscale-gateway-health-checker';
  void answer(isProbe ? 0 : latencyMs).catch(() => response.destroy());
  async function answer(wait: number): Promise<void> {
    if (wait > 0) await delay(wait);
    // Before the answer: nobody can have acted on it earlier.
    if (isProbe) tell({ probes: ++probes, atMs: Date.now() });
    response.writeHead(200, { 'content-type': 'application/json', 'x-backend': name });
    response.end(`${JSON.stringify({ backend: name, path: request.url })}\n`);
  }
});
server.keepAliveTimeout = 600_000;
server.on('error', (error) => {
  tell({ error: error.message });
  process.exitCode = 1;
  process.disconnect();
});
server.listen(Number(port), '127.0.0.1', () => tell({ listening: true }));

process.on('message', (message: { latencyMs?: number }) => {
  if (message.latencyMs !== undefined) latencyMs = message.latencyMs;
});
process.on('disconnect', () => {
  server.close();
  server.closeAllConnections();
});

function tell(message: object): void {
  if (process.connected) process.send?.(message);
}
