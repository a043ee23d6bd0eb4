// A backend, a process of its own: `node backend-main.ts NAME HOST PORT`. It answers every path with its name. What a test
// wants of it is asked by HTTP: `PUT /-/behaviour` with `{ healthy?, latencyMs?, status? }`.
import { createServer, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const [name = 'backend', host = '127.0.0.1', port = '0'] = process.argv.slice(2);
const behaviour = { healthy: true, latencyMs: 0, status: 200 };

const server = createServer((request, response) => {
  void answer(request).then(
    ({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json', 'x-backend': name });
      response.end(body);
    },
    () => response.destroy(),
  );
});
server.keepAliveTimeout = 600_000;
server.listen(Number(port), host);

async function answer(request: IncomingMessage): Promise<{ status: number; body: string }> {
  if (request.url === '/-/behaviour') {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    Object.assign(behaviour, JSON.parse(body || '{}'));
    return { status: 200, body: JSON.stringify(behaviour) };
  }
  if (request.headers['user-agent'] === 'tailscale-gateway-health-checker') {
    return { status: behaviour.healthy ? 200 : 503, body: '' };
  }
  request.resume();
  if (behaviour.latencyMs > 0) await delay(behaviour.latencyMs);
  return { status: behaviour.status, body: `${JSON.stringify({ backend: name, path: request.url })}\n` };
}
