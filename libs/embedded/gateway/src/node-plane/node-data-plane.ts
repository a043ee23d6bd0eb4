import type { Log } from '@tsgateway/kube';
import type { DataPlane } from '../data-plane.ts';

export function startNodePlane(_options: { eds: string; log: Log }): Promise<DataPlane> {
  return Promise.reject(new Error('unwritten'));
}
