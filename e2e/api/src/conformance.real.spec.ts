import { describe } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import { apiSuite } from '@tsgateway/embedded-kube/conformance';
import { buildBeforehand, startRealApi } from './real-api.ts';

describe('a kube-apiserver', () => {
  buildBeforehand();
  apiSuite(
    async () => {
      const api = await startRealApi();
      const config = new KubeConfig();
      config.loadFromString(api.kubeconfig());
      const [cluster, user] = [config.getCurrentCluster(), config.getCurrentUser()];
      const pem = (data: string | undefined): string => Buffer.from(data ?? '', 'base64').toString();
      return {
        url: cluster?.server ?? '',
        ca: pem(cluster?.caData),
        cert: pem(user?.certData),
        key: pem(user?.keyData),
        close: () => api.close(),
      };
    },
    // Debian's etcd 3.4.23 has no progress on request, and the API server says so.
    { controllers: true, watchList: false },
  );
});
