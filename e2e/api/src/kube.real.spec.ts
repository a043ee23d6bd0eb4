import { describe } from '@jest/globals';
import { kubeSuite } from '@tsgateway/kube/suite';
import { buildBeforehand, startRealApi } from './real-api.ts';

describe('the Kubernetes client against a kube-apiserver', () => {
  buildBeforehand();
  kubeSuite(startRealApi);
});
