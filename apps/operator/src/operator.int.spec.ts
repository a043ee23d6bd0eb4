import { describe } from '@jest/globals';
import { startKubeApi } from '@tsgateway/embedded-kube';
import { operatorSuite } from './testing/operator-suite.ts';

describe('the operator as a process', () => operatorSuite(startKubeApi));
