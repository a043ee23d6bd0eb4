import { describe } from '@jest/globals';
import { startKubeApi } from '@tsgateway/embedded-kube';
import { coordinatorSuite } from './testing/coordinator-suite.ts';

describe('the service coordinator as a process', () => coordinatorSuite(startKubeApi));
