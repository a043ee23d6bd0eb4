// A demo backend, a process of its own: `node backend.js NAME PORT`. It answers every path with its name, /health
// too, and takes `{ latencyMs }` from its parent.
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const [name = 'backend', port = '0'] = process.argv.slice(2);
let latencyMs = 0;

const server = createServer((request, response) => {
  void answer(request.url === '/health' ? 0 : latencyMs).catch(() => response.destroy());
  async function answer(wait: number): Promise<void> {
    if (wait > 0) await delay(wait);
    response.writeHead(200, { 'content-type': 'application/json', 'x-backend': name });
    response.end(`${JSON.stringify({ backend: name, path: request.url })}\n`);
  }
});
server.keepAliveTimeout = 600_000;
server.on('error', (error) => {
  process.send?.({ error: error.message });
  process.exitCode = 1;
  process.disconnect();
});
server.listen(Number(port), '127.0.0.1', () => process.send?.({ listening: true }));

process.on('message', (message: { latencyMs?: number }) => {
  if (message.latencyMs !== undefined) latencyMs = message.latencyMs;
});
process.on('disconnect', () => {
  server.close();
  server.closeAllConnections();
});
process.on('SIGINT', () => undefined); // the parent decides when to stop
