// The embedded Kubernetes API and the embedded tailnet API, in a process of their own.
import { customResourceDefinitions } from '@tsgateway/api';
import { startKubeApi } from '@tsgateway/embedded-kube';
import { startTailnetApi } from '@tsgateway/embedded-tailnet';
import { runChild } from './parent.ts';

runChild(async (parent) => {
  const ports = JSON.parse(process.argv[2] ?? '{}') as { kube: number; tailnet: number };
  const kube = await startKubeApi({ port: ports.kube, tls: true, crds: customResourceDefinitions() });
  const tailnet = await startTailnetApi({
    port: ports.tailnet,
    tailnet: 'demo.ts.net',
    clients: [{ id: 'demo-client', secret: 'demo-secret', scopes: ['all'] }],
  });
  // A VIP service's DNS name ends as its tailnet's devices do.
  tailnet.state.addDevice({ hostname: 'gateway', tags: ['tag:demo'] });
  parent.tell({ ready: { kubeconfig: kube.kubeconfig(), tailnetUrl: tailnet.url } });
  return async () => {
    await Promise.all([kube.close(), tailnet.close()]);
  };
});
