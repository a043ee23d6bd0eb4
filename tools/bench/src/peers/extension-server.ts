import { join } from 'node:path';
import type { MeshStub } from './mesh-stub.ts';
import { Child, type Peer } from './peer.ts';

/** dist/apps/extension-server/main.js, seen from dist/tools/bench/main.js. */
const main = join(import.meta.dirname, '../../apps/extension-server/main.js');

/** Our server as it is shipped. */
export interface ExtensionServer extends Peer {
  /** host:port of EDS. */
  readonly edsTarget: string;
}

const deadlineMs = 15_000;

/** Starts our server, and waits until it has the model and follows the checker. */
export async function startExtensionServer(mesh: MeshStub): Promise<ExtensionServer> {
  const before = mesh.followers;
  const child = new Child([process.execPath, main], {
    ...{ BIND_HOST: '127.0.0.1', GRPC_PORT: '0', XDS_PORT: '0', METRICS_PORT: '0', HEALTH_PROBE_BIND_ADDRESS: ':0' },
    OPERATOR_ADDRESS: mesh.address,
  });
  const said = () =>
    child.lines.map((line) => JSON.parse(line) as { msg?: string; port?: number; services?: string[] });
  const portOf = (name: string) =>
    said().find((l) => l.msg === 'Serving gRPC' && l.services?.some((s) => s.includes(name)))?.port;
  await child.until(() => said().some((l) => l.msg === 'Started extension-server'), deadlineMs);
  await child.until(() => portOf('EnvoyGatewayExtension') !== undefined, deadlineMs);
  const deadline = Date.now() + deadlineMs;
  while (mesh.followers <= before) {
    if (Date.now() > deadline) throw new Error('the extension server does not follow the health checker');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return {
    pid: child.pid,
    target: `127.0.0.1:${portOf('EnvoyGatewayExtension')}`,
    edsTarget: `127.0.0.1:${portOf('EndpointDiscoveryService')}`,
    stop: () => child.stop(),
  };
}
