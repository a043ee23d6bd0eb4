import { describe } from '@jest/globals';
// The suite alone: what runs is the built service, as a process.
// eslint-disable-next-line @nx/enforce-module-boundaries
import { coordinatorSuite } from '@tsgateway/service-coordinator/suite';
import { buildBeforehand, startRealApi } from './real-api.ts';

describe('the service coordinator against a kube-apiserver', () => {
  buildBeforehand();
  coordinatorSuite(startRealApi);
});
