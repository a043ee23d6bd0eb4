import { describe } from '@jest/globals';
// The suite alone: what runs is the built operator, as a process.
// eslint-disable-next-line @nx/enforce-module-boundaries
import { operatorSuite } from '@tsgateway/operator/suite';
import { buildBeforehand, startRealApi } from './real-api.ts';

describe('the operator against a kube-apiserver', () => {
  buildBeforehand();
  operatorSuite(startRealApi);
});
