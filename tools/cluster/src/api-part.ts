import { apiRequest } from './api-request.ts';
import {
  apiServerArgs,
  type ControlPlane,
  controllerManagerArgs,
  etcdArgs,
  schedulerArgs,
} from './control-plane-args.ts';
import type { ProcessRecord } from './process.ts';

export type ApiPartName = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler';

/** A process of the control plane, before it is started. */
export interface ApiPartSpec {
  readonly name: ApiPartName;
  readonly healthUrl: string;
  readonly args: readonly string[];
}

/** One that was started. Plain data. */
export interface ApiPart {
  readonly name: ApiPartName;
  readonly version: string;
  readonly healthUrl: string;
  readonly process: ProcessRecord;
}

/** What a control plane is made of, in stages: each can start when the one before is ready. */
export function controlPlaneParts(plane: ControlPlane): readonly (readonly ApiPartSpec[])[] {
  const { ports, nodeAddress } = plane;
  const healthOf = (port: number, path: string) => `https://127.0.0.1:${port}${path}`;
  const etcd: ApiPartSpec = {
    name: 'etcd',
    healthUrl: `http://127.0.0.1:${ports.etcdHealth}/health`,
    args: etcdArgs(plane),
  };
  const apiServer: ApiPartSpec = {
    name: 'kube-apiserver',
    healthUrl: healthOf(ports.apiServer, '/readyz'),
    args: apiServerArgs(plane),
  };
  const controllerManager: ApiPartSpec = {
    name: 'kube-controller-manager',
    healthUrl: healthOf(ports.controllerManager, '/healthz'),
    args: controllerManagerArgs(plane),
  };
  const scheduler: ApiPartSpec = {
    name: 'kube-scheduler',
    healthUrl: healthOf(ports.scheduler, '/healthz'),
    args: schedulerArgs(plane),
  };
  return [[etcd], [apiServer], [controllerManager, ...(nodeAddress === undefined ? [] : [scheduler])]];
}

/**
 * Asks a part how it is: `ok`, or what is wrong.
 * @param ca PEM of the cluster's certificate authority
 * @throws Error when it does not answer
 */
export async function partHealth({ healthUrl }: Pick<ApiPart, 'healthUrl'>, ca: string): Promise<string> {
  const { status, text } = await apiRequest(healthUrl, { ca });
  return status === 200 ? 'ok' : `HTTP ${status}: ${text.trim().split('\n').at(-1)}`;
}
