import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { startKubeApi } from './start-kube-api.ts';
import type { KubeApi } from './start-kube-api.ts';
import { widgetDefinition } from './testing/widget-definition.ts';

const kubectlIsHere = spawnSync('kubectl', ['version', '--client']).status === 0;
const deadlineMs = 30_000;

/** kubectl reads YAML 1.1, where a bare yes is true. */
const yaml = (value: unknown): string => stringify(value, { version: '1.1' });

interface Outcome {
  code: number;
  out: string;
  err: string;
}

(kubectlIsHere ? describe : describe.skip)('kubectl (skipped where it is not on PATH)', () => {
  let api: KubeApi;
  let dir: string;

  const start = (args: string[], env: Record<string, string> = {}) =>
    spawn('kubectl', ['--cache-dir', join(dir, 'cache'), ...args], {
      env: { PATH: process.env['PATH'], HOME: dir, KUBECONFIG: join(dir, 'kubeconfig'), ...env },
      timeout: deadlineMs,
    });

  const kubectl = (args: string, of: { input?: string; env?: Record<string, string> } = {}): Promise<Outcome> =>
    run(args.split(' '), of);

  const run = (args: string[], of: { input?: string; env?: Record<string, string> } = {}): Promise<Outcome> =>
    new Promise((resolve, reject) => {
      const child = start(args, of.env);
      let out = '';
      let err = '';
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
      child.on('error', reject);
      child.on('close', (code) => resolve({ code: code ?? -1, out, err }));
      child.stdin.end(of.input ?? '');
    });

  const widget = (name: string, spec: object = {}, metadata: object = {}): string =>
    yaml({
      apiVersion: 'kubectl.test/v1',
      kind: 'Widget',
      metadata: { name, ...metadata },
      spec: { selector: {}, ...spec },
    });

  const applied = async (...args: Parameters<typeof widget>): Promise<void> => {
    expect(await kubectl('apply -f -', { input: widget(...args) })).toMatchObject({ code: 0 });
  };

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'embedded-kube-'));
    api = await startKubeApi({ tls: true });
    writeFileSync(join(dir, 'kubeconfig'), api.kubeconfig());
    const created = await kubectl('apply -f -', { input: yaml(widgetDefinition('kubectl.test')) });
    expect(created).toMatchObject({
      code: 0,
      out: 'customresourcedefinition.apiextensions.k8s.io/widgets.kubectl.test created\n',
    });
    expect((await kubectl('wait --for=condition=Established crd/widgets.kubectl.test --timeout=10s')).code).toBe(0);
  });

  afterAll(async () => {
    await api.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it('knows the server and its resources', async () => {
    expect((await kubectl('version')).out).toContain('Server Version: v1.34.');
    const { out } = await kubectl('api-resources');
    expect(out).toMatch(/^widgets +wd +kubectl\.test\/v1 +true +Widget$/m);
    expect(out).toMatch(/^httproutes +gateway\.networking\.k8s\.io\/v1 +true +HTTPRoute$/m);
    expect((await kubectl('get namespaces -o name')).out).toContain('namespace/tailscale-gateway-system');
  });

  it('applies on the client side, and again', async () => {
    const input = widget('apply', { name: 'abc' });
    expect((await kubectl('apply -f -', { input })).out).toBe('widget.kubectl.test/apply created\n');
    expect((await kubectl('apply -f -', { input })).out).toBe('widget.kubectl.test/apply unchanged\n');
    const changed = widget('apply', { ports: [{ port: 81 }] });
    expect((await kubectl('diff -f -', { input: changed })).code).toBe(1);
    expect((await kubectl('apply -f -', { input: changed })).out).toBe('widget.kubectl.test/apply configured\n');
    const { out } = await kubectl('get widget apply -o json');
    const object = JSON.parse(out) as { spec: object; metadata: { annotations: Record<string, string> } };
    expect(object.spec).toMatchObject({ ports: [{ port: 81, protocol: 'TCP' }] });
    expect(object.metadata.annotations['kubectl.kubernetes.io/last-applied-configuration']).toContain('"port":81');
  });

  it('refuses bad objects with the path, and unknown fields', async () => {
    const bad = await kubectl('apply -f -', { input: widget('bad', { balancing: { strategy: 'random' } }) });
    expect(bad.err).toContain(
      'spec.balancing.strategy: Unsupported value: "random": supported values: "round-robin", "weighted"',
    );
    const unknown = await kubectl('apply -f -', { input: widget('bad', { foo: 1 }) });
    expect(unknown.code).toBe(1);
    expect(unknown.err).toContain('unknown field "spec.foo"');
  });

  it('applies on the server side with conflicts', async () => {
    expect((await kubectl('apply --server-side -f -', { input: widget('ssa', { name: 'abc' }) })).code).toBe(0);
    const other = { input: widget('ssa', { name: 'abd' }) };
    const refused = await kubectl('apply --server-side --field-manager=other -f -', other);
    expect(refused.err).toContain('Apply failed with 1 conflict: conflict with "kubectl": .spec.name');
    expect((await kubectl('apply --server-side --field-manager=other --force-conflicts -f -', other)).code).toBe(0);
    expect((await kubectl('get widget ssa -o jsonpath={.spec.name}')).out).toBe('abd');
  });

  it('takes over a client-side applied object on the server side', async () => {
    await applied('migrate', { name: 'abc' });
    expect(await kubectl('apply --server-side -f -', { input: widget('migrate', { name: 'abd' }) })).toMatchObject({
      code: 0,
    });
    expect((await kubectl('get widget migrate -o jsonpath={.spec.name}')).out).toBe('abd');
  });

  it('prints tables, wide and short names', async () => {
    await applied('table', { ports: [{ port: 7 }] });
    expect((await kubectl('get wd table')).out).toMatch(/^NAME +STRATEGY +READY +AGE\ntable +round-robin +\d+s\n$/);
    expect((await kubectl('get wd table -o wide')).out).toMatch(
      /^NAME +STRATEGY +READY +PORTS +AGE\ntable +round-robin +7 +\d+s\n$/,
    );
    expect((await kubectl('get suite')).out).toContain('table');
  });

  it('describes with events, and explains', async () => {
    await applied('described');
    const uid = (await kubectl('get widget described -o jsonpath={.metadata.uid}')).out;
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'described.1', namespace: 'default' },
      involvedObject: { apiVersion: 'kubectl.test/v1', kind: 'Widget', name: 'described', namespace: 'default', uid },
      reason: 'Polished',
      message: 'it shines',
      type: 'Normal',
      source: { component: 'test' },
      lastTimestamp: new Date().toISOString().replace(/\.\d+/, ''),
    };
    expect(await kubectl('create -f -', { input: yaml(event) })).toMatchObject({ code: 0 });
    const { out } = await kubectl('describe widget described');
    expect(out).toContain('Strategy:  round-robin');
    expect(out).toMatch(/Normal +Polished +\S+ +test +it shines/);
    expect((await kubectl('events')).out).toContain('it shines');
    expect((await kubectl('get events')).out).toContain('Polished');
    const explained = (await kubectl('explain wd.spec.balancing')).out;
    expect(explained).toContain('How requests are spread.');
    expect(explained).toMatch(/strategy\t<string>\n +enum: round-robin, weighted\n +The strategy of balancing\./);
    expect((await kubectl('explain pod.spec.containers')).out).toContain('volumeMounts');
  });

  it('labels, annotates, patches and edits', async () => {
    await applied('edited', { name: 'abc' });
    expect((await kubectl('label widget edited tier=x')).code).toBe(0);
    expect((await kubectl('annotate widget edited note=y')).code).toBe(0);
    expect((await run(['patch', 'widget', 'edited', '--type=merge', '-p', '{"spec":{"hosts":["h"]}}'])).code).toBe(0);
    const edit = await run(['edit', 'widget', 'edited'], { env: { EDITOR: 'sed -i s/abc/abd/' } });
    expect(edit.out).toContain('widget.kubectl.test/edited edited');
    const { out } = await kubectl(
      'get widget edited -o jsonpath={.spec.name},{.spec.hosts[0]},{.metadata.labels.tier},{.metadata.annotations.note}',
    );
    expect(out).toBe('abd,h,x,y');
  });

  it('refuses to replace an object that has moved on', async () => {
    await applied('moved');
    const { out } = await kubectl('get widget moved -o yaml');
    await kubectl('label widget moved a=b');
    const refused = await kubectl('replace -f -', { input: out });
    expect(refused.err).toContain(
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  });

  it('waits for conditions and for deletion', async () => {
    await applied('awaited', {}, { finalizers: ['kubectl.test/hold'] });
    const waiting = kubectl('wait --for=condition=Ready widget/awaited --timeout=20s');
    const status = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}';
    expect((await run(['patch', 'widget', 'awaited', '--subresource=status', '--type=merge', '-p', status])).code).toBe(
      0,
    );
    expect((await waiting).out).toBe('widget.kubectl.test/awaited condition met\n');
    const gone = kubectl('wait --for=delete widget/awaited --timeout=20s');
    const deleting = kubectl('delete widget awaited');
    for (;;) {
      const { out } = await kubectl('get widget awaited -o jsonpath={.metadata.deletionTimestamp}');
      if (out !== '') break;
    }
    await run(['patch', 'widget', 'awaited', '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
    expect((await deleting).code).toBe(0);
    expect((await gone).code).toBe(0);
  });

  it('watches', async () => {
    const child = start(['get', 'widgets', '-w', '--output-watch-events', '-l', 'watched=yes']);
    let text = '';
    const seen = new Promise<void>((resolve, reject) => {
      child.on('close', () => reject(new Error(`the watch ended: ${text}`)));
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (/^DELETED.*\n/m.test(text)) resolve();
      });
    });
    seen.catch(() => undefined);
    await applied('watched', {}, { labels: { watched: 'yes' } });
    await kubectl('annotate widget watched a=b');
    await kubectl('delete widget watched');
    await seen;
    child.kill();
    const lines = text.trim().split('\n');
    expect(lines[0]).toMatch(/^EVENT +NAME/);
    expect(lines.slice(1).map((l) => l.split(/ +/).slice(0, 2).join(' '))).toEqual([
      'ADDED watched',
      'MODIFIED watched',
      'DELETED watched',
    ]);
  });

  it('creates built-in kinds, whose bodies are protobuf', async () => {
    for (const args of [
      'create namespace team',
      'create configmap settings --from-literal=a=b -n team',
      'create secret generic secret --from-literal=a=b -n team',
      'create serviceaccount bot -n team',
      'create role reader --verb=get,list --resource=pods -n team',
      'create service clusterip front --tcp=80:8080 -n team',
      'create deployment web --image=web:1 --replicas=2 -n team',
      'run pod --image=pod:1 -n team',
    ]) {
      expect(await kubectl(args)).toMatchObject({ code: 0, err: '' });
    }
    expect(
      (
        await kubectl(
          'get deployment web -n team -o jsonpath={.spec.replicas},{.spec.template.spec.containers[0].image}',
        )
      ).out,
    ).toBe('2,web:1');
    expect(
      (await kubectl('get service front -n team -o jsonpath={.spec.ports[0].port},{.spec.ports[0].targetPort}')).out,
    ).toBe('80,8080');
    expect((await kubectl('get secret secret -n team -o jsonpath={.data.a}')).out).toBe('Yg==');
    expect((await kubectl('get all -n team')).out).toMatch(/deployment\.apps\/web +0\/2/);
    expect((await kubectl('set image deployment/web web=web:2 -n team')).code).toBe(0);
    expect((await kubectl('delete namespace team')).code).toBe(0);
    expect((await kubectl('get configmap settings -n team')).err).toContain('not found');
  });

  it('may do everything', async () => {
    expect((await kubectl('auth can-i create widgets')).out).toBe('yes\n');
    expect((await kubectl('auth whoami')).out).toContain('system:masters');
  });

  it('is refused without the token', async () => {
    const refused = await kubectl('get namespaces --token=wrong');
    expect(refused.err).toContain('You must be logged in to the server');
  });
});
