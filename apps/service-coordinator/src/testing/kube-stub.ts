import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SecretData } from '../credential-store.ts';

/** As much of a Kubernetes API as this service calls: Secrets to read, Leases to hold. */
export interface KubeStub {
  url: string;
  /** By "namespace/name". */
  secrets: Map<string, SecretData>;
  leases: Map<string, { spec?: { holderIdentity?: string } }>;
  close: () => Promise<void>;
}

const OBJECT = /\/namespaces\/([^/]+)\/(secrets|leases)\/?([^/?]*)/;

export async function startKubeStub(): Promise<KubeStub> {
  const secrets: KubeStub['secrets'] = new Map();
  const leases = new Map<string, { metadata: { resourceVersion: string }; spec?: { holderIdentity?: string } }>();
  let revision = 0;
  const server = createServer((request, response) => {
    const [, namespace, kind, name] = OBJECT.exec(request.url ?? '') ?? [];
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const send = (status: number, body: object): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      const missing = { kind: 'Status', status: 'Failure', code: 404, reason: 'NotFound', message: 'not found' };
      if (kind === 'secrets') {
        const found = secrets.get(`${namespace}/${name}`);
        if (!found) return send(404, missing);
        return send(200, { metadata: { name, namespace, resourceVersion: found.resourceVersion }, data: found.data });
      }
      if (kind !== 'leases') return send(404, missing);
      if (request.method === 'GET') {
        const found = leases.get(`${namespace}/${name}`);
        return found ? send(200, found) : send(404, missing);
      }
      const lease = JSON.parse(Buffer.concat(chunks).toString()) as {
        metadata: { name: string; resourceVersion?: string };
      };
      const key = `${namespace}/${lease.metadata.name}`;
      const present = leases.get(key)?.metadata.resourceVersion;
      if (present !== undefined && present !== lease.metadata.resourceVersion) {
        return send(409, { kind: 'Status', status: 'Failure', code: 409, reason: 'Conflict', message: 'changed' });
      }
      const stored = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(++revision) } };
      leases.set(key, stored);
      return send(200, stored);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    secrets,
    leases,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A kubeconfig that points to the stub. */
export function kubeconfigOf(stub: KubeStub): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'stub', cluster: { server: stub.url } }],
    users: [{ name: 'stub', user: {} }],
    contexts: [{ name: 'stub', context: { cluster: 'stub', user: 'stub' } }],
    'current-context': 'stub',
  });
}
