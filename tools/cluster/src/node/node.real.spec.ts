import { afterAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findOnPath } from '../binaries.ts';
import { type ClusterContext, down, status, up } from '../cluster.ts';
import { ClusterFolder, clustersDir } from '../cluster-record.ts';
import { cgroupProcesses } from './cgroup.ts';
import { buildImage, loadImage } from './images.ts';
import { machineSnapshot, type MachineSnapshot } from './machine-snapshot.ts';
import { preflightNode } from './preflight.ts';
import { until } from './until.ts';

const testdata = fileURLToPath(new URL('testdata', import.meta.url));
/** Of a machine without binaries or base image, too: these are made once. */
const firstUseMs = 40 * 60_000;
const kubectlDeadlineMs = 90_000;
const signal = new AbortController().signal;
// Not in a folder for temporary files: after a test that was killed, the next one finds what it left, and ends it.
const clusters = clustersDir(process.env);
const context: ClusterContext = { name: 'node-spec', clusters, log: () => undefined, signal };

const missing = await preflightNode();
if ((await findOnPath('kubectl')) === undefined) missing.push('kubectl is not on the PATH');

describe('the node level', () => {
  if (missing.length > 0) {
    it.skip(`this machine cannot run a node: ${missing.join('; ')}`, () => undefined);
    return;
  }

  afterAll(async () => {
    await down(context);
  }, 60_000);

  it(
    'runs an image of ours behind a Service, with DNS, logs and exec, and leaves the machine as it was',
    async () => {
      await down(context);
      const before = await machineSnapshot();
      const kubectl = await upWithGreeter();

      const parts = await status(context);
      expect(parts.filter(({ health }) => health !== 'ok')).toEqual([]);
      expect(parts.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['containerd', 'kubelet', 'kube-proxy', 'coredns']),
      );

      const pods = lines(await kubectl('get', 'pods', '-l', 'app=greeter', '-o', 'name'));
      expect(pods).toHaveLength(2);
      const [pod = ''] = pods;
      expect(await kubectl('logs', pod)).toContain('greeter listens');

      const answered = new Set<string>();
      await until(
        async () => {
          const url = 'http://greeter.default.svc.cluster.local/';
          answered.add(
            await kubectl(
              'exec',
              pod,
              '--',
              'node',
              '-e',
              `fetch('${url}').then(async (r) => console.log(await r.text()))`,
            ),
          );
          return answered.size === pods.length;
        },
        { what: 'both pods answer by the name of their Service', deadlineMs: kubectlDeadlineMs },
      );
      expect([...answered].sort()).toEqual(pods.map((name) => `${name.replace('pod/', '')} 1000`).sort());

      await down(context);
      await expectSame(before);
    },
    firstUseMs,
  );

  it(
    'is taken down from what was written, after its daemons have been killed',
    async () => {
      await down(context);
      const before = await machineSnapshot();
      await upWithGreeter();
      const { node } = (await new ClusterFolder(clusters, context.name).read()) ?? {};
      for (const { name, process: daemon } of node?.parts ?? []) {
        if (name !== 'coredns') process.kill(daemon.pid, 'SIGKILL');
      }
      expect(await cgroupProcesses()).not.toEqual([]); // the pods go on

      await down(context);
      await expectSame(before);
    },
    firstUseMs,
  );
});

/** @returns kubectl, when the two pods of `testdata/greeter.yaml` are ready */
async function upWithGreeter() {
  const kubeconfig = await up('node', context);
  const kubectl = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)('kubectl', args, {
      env: { ...process.env, KUBECONFIG: kubeconfig },
      timeout: kubectlDeadlineMs,
    });
    return stdout.trim();
  };
  const name = 'node-spec/greeter:1';
  const { log } = context;
  await buildImage({ name, file: join(testdata, 'Dockerfile'), context: testdata, log, signal });
  const { node } = (await new ClusterFolder(clusters, context.name).read()) ?? {};
  if (node === undefined) throw new Error('there is no record of the node');
  await loadImage(name, node, { log, signal });
  await kubectl('apply', '-f', join(testdata, 'greeter.yaml'));
  await kubectl('rollout', 'status', 'deployment/greeter', '--timeout=60s');
  return kubectl;
}

/** The kernel takes a moment to remove what nobody uses any more. */
async function expectSame(before: MachineSnapshot): Promise<void> {
  const same = async () => JSON.stringify(await machineSnapshot()) === JSON.stringify(before);
  await until(same, { what: 'the machine is as it was', deadlineMs: 5000 }).catch(() => undefined);
  expect(await machineSnapshot()).toEqual(before);
}

function lines(text: string): string[] {
  return text.split('\n').filter(Boolean);
}
