import { describe, expect, it } from '@jest/globals';
import {
  apiServerArgs,
  apiServerHosts,
  type ControlPlane,
  controllerManagerArgs,
  etcdArgs,
  schedulerArgs,
} from './control-plane-args.ts';

const alone: ControlPlane = {
  dir: '/d',
  ports: { etcd: 1, etcdHealth: 2, apiServer: 3, controllerManager: 4, scheduler: 5 },
};
const withNodes: ControlPlane = { ...alone, nodeAddress: '10.254.0.1' };
const all = (plane: ControlPlane) =>
  [etcdArgs, apiServerArgs, controllerManagerArgs, schedulerArgs].flatMap((args) => args(plane));

describe('a control plane without nodes', () => {
  it('listens on loopback alone', () => {
    const binds = all(alone).filter((arg) => /^--(bind|listen|advertise)-/.test(arg));
    expect(binds).toHaveLength(8);
    for (const bind of binds) expect(bind).toContain('127.0.0.1');
  });

  it('writes below its folder alone', () => {
    for (const path of all(alone).flatMap((arg) => /=(\/.*)/.exec(arg)?.[1] ?? [])) expect(path).toMatch(/^\/d\//);
  });
});

describe('a control plane with nodes', () => {
  it('is dialled by them and by pods, under names that its certificate has', () => {
    expect(apiServerArgs(withNodes)).toEqual(
      expect.arrayContaining(['--bind-address=0.0.0.0', '--advertise-address=10.254.0.1']),
    );
    expect(apiServerHosts('10.254.0.1')).toEqual(
      expect.arrayContaining(['kubernetes.default.svc', '10.96.0.1', '10.254.0.1', '127.0.0.1']),
    );
  });

  it('publishes its address: no endpoint reconciler is turned off', () => {
    expect(apiServerArgs(alone)).toContain('--endpoint-reconciler-type=none');
    expect(apiServerArgs(withNodes).join()).not.toContain('endpoint-reconciler');
  });

  it('keeps everything but the API server on loopback', () => {
    for (const args of [etcdArgs, controllerManagerArgs, schedulerArgs]) {
      expect(args(withNodes).join()).not.toMatch(/0\.0\.0\.0|10\.254/);
    }
  });
});
