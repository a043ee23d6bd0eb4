import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type ApiCluster, startApi } from './index.ts';

// As users run it: the built bundle. A machine without these binaries builds them first, which takes minutes.
const main = fileURLToPath(new URL('../../../dist/tools/cluster/main.js', import.meta.url));
const run = promisify(execFile);
const firstUseMs = 30 * 60_000;

let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cluster-spec-'));
});

afterAll(async () => {
  await rm(home, { recursive: true });
});

const env = () => ({ ...process.env, XDG_STATE_HOME: home });
const cluster = (...args: string[]) => run(process.execPath, [main, ...args], { env: env() });

/** Every file of any cluster, and every process that was given one as an argument. */
async function traces(): Promise<string[]> {
  const files = (await readdir(home, { recursive: true })).filter((file) => file.includes('clusters/'));
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return [...files, ...commands.filter((command) => command.includes(home))];
}

async function eventually<T>(read: () => Promise<T>, isRight: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const value = await read();
    if (isRight(value) || performance.now() > deadline) return value;
    await delay(50);
  }
}

async function kubectl(kubeconfig: string, args: readonly string[], input?: object): Promise<string> {
  const child = run('kubectl', ['--request-timeout=10s', ...args], { env: { ...process.env, KUBECONFIG: kubeconfig } });
  child.child.stdin?.end(input === undefined ? '' : JSON.stringify(input));
  return (await child).stdout.trim();
}

const configMap = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', ...more },
});

describe('npm run cluster', () => {
  it(
    'starts a cluster that works, says how it is, and leaves nothing behind',
    async () => {
      const { stdout } = await cluster('up', '--level', 'api');
      const kubeconfig = /^export KUBECONFIG=(.+)$/m.exec(stdout)?.[1] ?? '';
      expect((await cluster('kubeconfig')).stdout.trim()).toBe(kubeconfig);
      expect((await cluster('kubeconfig', '--content')).stdout.trim()).toBe(
        (await readFile(kubeconfig, 'utf8')).trim(),
      );

      await kubectl(kubeconfig, ['apply', '-f', '-'], configMap('owner'));
      const uid = await kubectl(kubeconfig, ['get', 'configmap', 'owner', '-o', 'jsonpath={.metadata.uid}']);
      const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }];
      await kubectl(kubeconfig, ['apply', '-f', '-'], configMap('owned', { ownerReferences }));
      await kubectl(kubeconfig, ['delete', 'configmap', 'owner']);
      const names = () => kubectl(kubeconfig, ['get', 'configmap', '-o', 'name']);
      expect(await eventually(names, (list) => !list.includes('owned'))).not.toContain('owned');

      const { stdout: table } = await cluster('status');
      expect(
        table
          .trimEnd()
          .split('\n')
          .map((line) => line.replaceAll(/ +/g, ' ').replaceAll(/\b\d+\b(?!\.)/g, 'N')),
      ).toEqual([
        'PART PID VERSION HEALTH',
        expect.stringMatching(/^etcd N .* ok$/),
        expect.stringMatching(/^kube-apiserver N .* ok$/),
        expect.stringMatching(/^kube-controller-manager N .* ok$/),
      ]);

      // Once more is no harm; a part that has died is seen, and the next `up` begins anew.
      expect((await cluster('up')).stdout).toBe(stdout);
      const pid = Number(/etcd +(\d+)/.exec(table)?.[1]);
      process.kill(pid, 'SIGKILL');
      await expect(cluster('status')).rejects.toMatchObject({
        code: 1,
        stdout: expect.stringMatching(/etcd +- .*has ended/),
      });
      await cluster('up');
      expect(await kubectl(kubeconfig, ['get', 'namespace', '-o', 'name'])).toContain('namespace/default');

      await cluster('down');
      expect(await traces()).toEqual([]);
      await expect(cluster('status')).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('run up first'),
      });
    },
    firstUseMs,
  );

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('cleans up when it is interrupted by %s', async (signal, exitCode) => {
    const up = spawn(process.execPath, [main, 'up', '--name', 'interrupted'], { env: env(), stdio: 'ignore' });
    const exit = once(up, 'exit');
    expect(await eventually(traces, (list) => list.some((trace) => trace.includes('--secure-port')))).not.toEqual([]);
    up.kill(signal);
    expect(await exit).toEqual([exitCode, null]);
    expect(await traces()).toEqual([]);
  });

  it('takes down what an `up` that was killed has left', async () => {
    const up = spawn(process.execPath, [main, 'up', '--name', 'killed'], { env: env(), stdio: 'ignore' });
    const exit = once(up, 'exit');
    await eventually(traces, (list) => list.some((trace) => trace.includes('--secure-port')));
    up.kill('SIGKILL');
    await exit;
    await cluster('down', '--name', 'killed');
    expect(await traces()).toEqual([]);
  });

  it('cleans up after a part that does not start, and shows what it said', async () => {
    // The one thing that is not ours: an etcd that refuses.
    const bin = join(home, 'bin');
    await run('sh', [
      '-c',
      `mkdir ${bin}; printf '#!/bin/sh\\necho the disk is full >&2; exit 1\\n' > ${bin}/etcd; chmod +x ${bin}/etcd`,
    ]);
    const broken = { ...env(), PATH: `${bin}:${process.env.PATH}` };
    const failure = run(process.execPath, [main, 'up'], { env: broken });
    await expect(failure).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('the disk is full') });
    expect(await traces()).toEqual([]);
  });
});

describe('startApi', () => {
  let api: ApiCluster;

  beforeAll(async () => {
    api = await startApi({ dir: join(home, 'library'), log: () => undefined });
  }, firstUseMs);

  afterAll(async () => {
    await api.stop();
  });

  it('gives a service account no more than RBAC does', async () => {
    const of = await api.kubeconfigFor({ serviceAccount: 'default/default' });
    expect(await kubectl(of, ['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'])).toBe(
      'system:serviceaccount:default:default',
    );
    await expect(kubectl(of, ['get', 'secrets'])).rejects.toThrow('Forbidden');
    await kubectl(api.adminKubeconfig, [
      'create',
      'rolebinding',
      'r',
      '--clusterrole=view',
      '--serviceaccount=default:default',
    ]);
    expect(await kubectl(of, ['get', 'configmaps', '-o', 'name'])).toContain('kube-root-ca.crt');
  });

  it('says that a service account is missing', async () => {
    await expect(api.kubeconfigFor({ serviceAccount: 'default/nobody' })).rejects.toThrow(
      'there is no ServiceAccount default/nobody: apply it first',
    );
  });

  it('writes down who did what', async () => {
    const alice = await api.kubeconfigFor({ user: 'alice', groups: ['system:masters'] });
    await kubectl(alice, ['apply', '-f', '-'], configMap('audited'));
    interface Event {
      readonly user: { readonly username: string };
      readonly verb: string;
      readonly objectRef?: { readonly resource: string; readonly name?: string };
    }
    const writes = async () =>
      (await readFile(api.auditLog, 'utf8'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Event)
        .filter(({ user, verb }) => user.username === 'alice' && !['get', 'list', 'watch'].includes(verb))
        .map(({ verb, objectRef }) => `${verb} ${objectRef?.resource}/${objectRef?.name ?? ''}`);
    expect(await eventually(writes, (list) => list.length > 0)).toEqual([
      expect.stringMatching(/^create configmaps\//),
    ]);
  });

  it('can be without its API server for a while: same port, same data', async () => {
    await kubectl(api.adminKubeconfig, ['apply', '-f', '-'], configMap('kept'));
    await api.stopApiServer();
    await expect(kubectl(api.adminKubeconfig, ['get', 'configmap', 'kept'])).rejects.toThrow('refused');
    await api.startApiServer();
    expect(await kubectl(api.adminKubeconfig, ['get', 'configmap', 'kept', '-o', 'name'])).toBe('configmap/kept');
  });
});
