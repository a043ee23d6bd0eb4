import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { ApiClient } from './testing/api-client.ts';
import type { Answer, ApiConnection, ApiResponse } from './testing/api-client.ts';
import { widgetDefinition } from './testing/widget-definition.ts';

export type { ApiConnection } from './testing/api-client.ts';

export interface ApiSuiteOptions {
  /** Garbage collection and namespace deletion run too: a kube-apiserver has them only beside a controller manager. */
  controllers?: boolean;
  /**
   * False: the test of watches that begin with a list is skipped, and counted as skipped. A kube-apiserver needs an etcd
   * that reports progress on request for it (3.4.25, 3.5.8); over an older one it answers with an error.
   */
  watchList?: boolean;
}

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

async function eventually(check: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error('it did not come to pass');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * The behaviour that our parts rely on, told as tests that any Kubernetes API server of version 1.34 passes. Registers
 * its tests with jest; needs an empty namespace of its own, which it makes, and the right to create definitions.
 */
export function apiSuite(connect: () => Promise<ApiConnection>, options: ApiSuiteOptions = {}): void {
  const id = randomBytes(4).toString('hex');
  const group = `s${id}.suite.tsgateway.test`;
  const ns = `suite-${id}`;
  const core = `/api/v1/namespaces/${ns}`;
  const widgets = `/apis/${group}/v1/namespaces/${ns}/widgets`;
  let api: ApiClient;
  let connection: ApiConnection | undefined;

  const widget = (name: string, spec: object = {}, metadata: object = {}): Answer => ({
    apiVersion: `${group}/v1`,
    kind: 'Widget',
    metadata: { name, ...metadata },
    spec: { selector: {}, ...spec },
  });
  const configMap = (name: string, data: object = {}, metadata: object = {}): Answer => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, ...metadata },
    data,
  });
  const causes = (response: ApiResponse): string[] =>
    ((response.body.details?.causes ?? []) as { field: string; message: string }[]).map(
      (c) => `${c.field}: ${c.message}`,
    );
  const managers = (object: Answer): Record<string, Answer> =>
    Object.fromEntries(
      ((object.metadata.managedFields ?? []) as Answer[]).map((m) => [
        `${m.manager}/${m.operation}/${m.subresource ?? ''}`,
        m.fieldsV1,
      ]),
    );
  const made = async (path: string, body: Answer): Promise<Answer> => {
    const created = await api.post(path, body);
    expect(created).toMatchObject({ status: 201 });
    return created.body;
  };

  beforeAll(async () => {
    connection = await connect();
    api = new ApiClient(connection);
    await made('/api/v1/namespaces', { metadata: { name: ns } });
    await made('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', widgetDefinition(group));
    // A definition is served a moment after it is established.
    await eventually(async () => (await api.get(widgets)).status === 200);
  });

  afterAll(async () => {
    await api.delete(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.${group}`);
    await api.delete(`/api/v1/namespaces/${ns}`);
    await connection?.close?.();
  });

  describe('discovery', () => {
    it('says its version', async () => {
      expect((await api.get('/version')).body.gitVersion).toMatch(/^v1\.34\./);
    });

    it('lists groups and resources in the legacy form', async () => {
      expect((await api.get('/api')).body).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
      const groups = (await api.get('/apis')).body;
      expect(groups.groups.map((g: Answer) => g.name)).toEqual(expect.arrayContaining(['apps', group]));
      const { body } = await api.get(`/apis/${group}/v1`);
      expect(body).toMatchObject({ kind: 'APIResourceList', groupVersion: `${group}/v1` });
      expect(body.resources).toEqual([
        expect.objectContaining({
          name: 'widgets',
          singularName: 'widget',
          kind: 'Widget',
          shortNames: ['wd'],
          categories: ['suite'],
        }),
        expect.objectContaining({ name: 'widgets/status', kind: 'Widget', verbs: ['get', 'patch', 'update'] }),
      ]);
    });

    it('serves aggregated discovery', async () => {
      const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
      const { headers, body } = await api.get('/apis', accept);
      expect(headers['content-type']).toContain('g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
      expect(body.kind).toBe('APIGroupDiscoveryList');
      const found = body.items.find((item: Answer) => item.metadata.name === group);
      expect(found.versions[0].resources[0]).toMatchObject({
        resource: 'widgets',
        scope: 'Namespaced',
        responseKind: { group, version: 'v1', kind: 'Widget' },
        subresources: [expect.objectContaining({ subresource: 'status' })],
      });
    });

    it('publishes OpenAPI v3 of a definition', async () => {
      let url: string | undefined;
      await eventually(async () => {
        const index = await api.get('/openapi/v3');
        url = index.body.paths[`apis/${group}/v1`]?.serverRelativeURL;
        return url !== undefined;
      });
      const { body } = await api.get(url ?? '');
      const schema = Object.values(body.components.schemas as Record<string, Answer>).find(
        (s) => s['x-kubernetes-group-version-kind']?.[0]?.kind === 'Widget',
      );
      expect(schema.properties.spec.properties.balancing.properties.strategy.description).toBe(
        'The strategy of balancing.',
      );
      const patch = body.paths[`/apis/${group}/v1/namespaces/{namespace}/widgets/{name}`].patch;
      expect(patch['x-kubernetes-group-version-kind']).toMatchObject({ group, kind: 'Widget', version: 'v1' });
      expect(patch.parameters.map((p: Answer) => p.name)).toContain('fieldValidation');
    });
  });

  describe('create, read, update', () => {
    it('stamps metadata, fills defaults and answers 201', async () => {
      const created = await made(widgets, widget('create-a', { ports: [{ port: 80 }] }));
      expect(created.metadata).toMatchObject({ name: 'create-a', namespace: ns, generation: 1 });
      expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
      expect(created.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(created.spec).toEqual({
        selector: {},
        ports: [{ port: 80, protocol: 'TCP' }],
        balancing: { strategy: 'round-robin' },
      });
      expect((await api.get(`${widgets}/create-a`)).body).toEqual(created);
    });

    it('refuses a second object of the name', async () => {
      await made(core + '/configmaps', configMap('twice'));
      expect(await api.post(core + '/configmaps', configMap('twice'))).toMatchObject({
        status: 409,
        body: {
          reason: 'AlreadyExists',
          message: 'configmaps "twice" already exists',
          details: { name: 'twice', kind: 'configmaps' },
        },
      });
    });

    it('makes names of generateName', async () => {
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'made-' } };
      expect((await made(core + '/configmaps', body)).metadata.name).toMatch(/^made-[a-z0-9]{5}$/);
    });

    it('answers 404 with a Status', async () => {
      expect(await api.get(`${widgets}/none`)).toMatchObject({
        status: 404,
        body: { kind: 'Status', reason: 'NotFound', code: 404, message: `widgets.${group} "none" not found` },
      });
    });

    it('needs the namespace', async () => {
      const path = `/apis/${group}/v1/namespaces/missing-${id}/widgets`;
      expect(await api.post(path, widget('x'))).toMatchObject({
        status: 404,
        body: { message: `namespaces "missing-${id}" not found` },
      });
    });

    it('checks names and namespaces against the URL', async () => {
      expect(await api.post(widgets, widget('x', {}, { namespace: 'other' }))).toMatchObject({
        status: 400,
        body: { reason: 'BadRequest' },
      });
      const current = await made(widgets, widget('url-a'));
      expect(
        await api.put(`${widgets}/url-a`, { ...current, metadata: { ...current.metadata, name: 'url-b' } }),
      ).toMatchObject({
        status: 400,
        body: { message: 'the name of the object (url-b) does not match the name on the URL (url-a)' },
      });
    });

    it.each(['{bad', '[]', 'null', '"x"', ''])('answers 400 to the body %j', async (body) => {
      expect(await api.post(widgets, body)).toMatchObject({
        status: 400,
        body: { kind: 'Status', reason: 'BadRequest' },
      });
    });

    it('answers 409 to a stale resourceVersion, and takes the current one', async () => {
      const first = await made(widgets, widget('stale'));
      const second = await api.put(`${widgets}/stale`, { ...first, spec: { ...first.spec, hosts: ['a'] } });
      expect(second.status).toBe(200);
      expect(second.body.metadata.generation).toBe(2);
      expect(await api.put(`${widgets}/stale`, { ...first, spec: { ...first.spec, hosts: ['b'] } })).toMatchObject({
        status: 409,
        body: {
          reason: 'Conflict',
          message: `Operation cannot be fulfilled on widgets.${group} "stale": the object has been modified; please apply your changes to the latest version and try again`,
        },
      });
    });

    it('wants a resourceVersion for a PUT of a custom resource, not of a ConfigMap', async () => {
      await made(widgets, widget('unversioned'));
      const refused = await api.put(`${widgets}/unversioned`, widget('unversioned'));
      expect(refused.status).toBe(422);
      expect(causes(refused)).toEqual(['metadata.resourceVersion: Invalid value: 0: must be specified for an update']);
      await made(core + '/configmaps', configMap('unversioned'));
      expect((await api.put(core + '/configmaps/unversioned', configMap('unversioned', { a: '1' }))).status).toBe(200);
    });

    it('does not write what changes nothing', async () => {
      const first = await made(widgets, widget('same'));
      const second = await api.put(`${widgets}/same`, first);
      expect(second.body.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    });

    it('counts generations of the spec only', async () => {
      await made(widgets, widget('generation'));
      const labelled = await api.patch(`${widgets}/generation`, 'merge', { metadata: { labels: { a: 'b' } } });
      expect(labelled.body.metadata.generation).toBe(1);
      const status = await api.patch(`${widgets}/generation/status`, 'merge', { status: { ready: true } });
      expect(status.body.metadata.generation).toBe(1);
      const spec = await api.patch(`${widgets}/generation`, 'merge', { spec: { hosts: ['x'] } });
      expect(spec.body.metadata.generation).toBe(2);
    });

    it('keeps status and spec apart', async () => {
      const created = await made(widgets, { ...widget('apart'), status: { ready: true } });
      expect(created.status).toBeUndefined();
      const status = await api.put(`${widgets}/apart/status`, {
        ...created,
        spec: { ...created.spec, hosts: ['x'] },
        status: { ready: true },
      });
      expect(status.body.status).toEqual({ ready: true });
      expect(status.body.spec.hosts).toBeUndefined();
      const main = await api.put(`${widgets}/apart`, { ...status.body, status: { ready: false } });
      expect(main.body.status).toEqual({ ready: true });
    });

    it('tries out with dryRun and stores nothing', async () => {
      const tried = await api.post(`${widgets}?dryRun=All`, widget('dry'));
      expect(tried).toMatchObject({ status: 201, body: { spec: { balancing: { strategy: 'round-robin' } } } });
      expect((await api.get(`${widgets}/dry`)).status).toBe(404);
      expect((await api.post(`${widgets}?dryRun=x`, widget('dry'))).status).toBe(422);
    });

    it('checks the rules of metadata', async () => {
      const cases: [object, string][] = [
        [{ name: 'Upper' }, 'metadata.name: Invalid value: "Upper": a lowercase RFC 1123 subdomain'],
        [{ name: undefined }, 'metadata.name: Required value: name or generateName is required'],
        [{ name: 'm', labels: { 'a b': 'x' } }, 'metadata.labels: Invalid value: "a b": name part must consist of'],
        [{ name: 'm', labels: { a: 'x y' } }, 'metadata.labels: Invalid value: "x y": a valid label must be'],
        [
          { name: 'm', ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p' }] },
          'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
        ],
      ];
      for (const [metadata, cause] of cases) {
        const refused = await api.post(widgets, widget('x', {}, metadata));
        expect(refused.status).toBe(422);
        expect(causes(refused)[0]).toContain(cause);
      }
    });
  });

  describe('custom resources', () => {
    const skipped =
      '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
    const refusals: [string, object | null, string[]][] = [
      ['a missing field', null, ['spec.selector: Required value', skipped]],
      [
        'an unknown choice',
        { balancing: { strategy: 'random' } },
        ['spec.balancing.strategy: Unsupported value: "random": supported values: "round-robin", "weighted"', skipped],
      ],
      [
        'numbers out of bounds',
        { ports: [{ port: 0 }, { port: 70000 }] },
        [
          'spec.ports[0].port: Invalid value: 0: spec.ports[0].port in body should be greater than or equal to 1',
          'spec.ports[1].port: Invalid value: 70000: spec.ports[1].port in body should be less than or equal to 65535',
        ],
      ],
      [
        'a wrong type',
        { hosts: 'x' },
        ['spec.hosts: Invalid value: "string": spec.hosts in body must be of type array: "string"', skipped],
      ],
      [
        'a fraction as int-or-string',
        { target: 1.5 },
        ['spec.target: Invalid value: "number": spec.target in body must be of type integer,string: "number"', skipped],
      ],
      ['a pattern', { name: 'Abc' }, ['spec.name: Invalid value: "Abc": spec.name in body should match \'^[a-z]+$\'']],
      [
        'a short text',
        { name: 'A' },
        ['spec.name: Invalid value: "A": spec.name in body should be at least 2 chars long'],
      ],
      ['a long text', { pinned: 'x'.repeat(21) }, ['spec.pinned: Too long: may not be more than 20 bytes', skipped]],
      [
        'too many items',
        { hosts: ['1', '2', '3', '4', '5', '6'] },
        ['spec.hosts: Too many: 6: must have at most 5 items', skipped],
      ],
      [
        'a key twice',
        { ports: [{ port: 1 }, { port: 1 }] },
        ['spec.ports[1]: Duplicate value: {"port":1,"protocol":"TCP"}'],
      ],
      ['a member twice', { tags: ['a', 'a'] }, ['spec.tags[1]: Duplicate value: "a"']],
      [
        'a rule',
        { balancing: { strategy: 'weighted' } },
        ['spec.balancing: Invalid value: "object": weighted needs weights'],
      ],
      [
        'a rule with path, reason and computed message',
        { window: { min: 2, max: 1 } },
        ['spec.window.min: Forbidden: the window is empty'],
      ],
    ];

    it.each(refusals)('refuses %s with its path', async (_what, spec, expected) => {
      const body = spec === null ? { ...widget('refused'), spec: {} } : widget('refused', spec);
      const refused = await api.post(widgets, body);
      expect(refused).toMatchObject({
        status: 422,
        body: { reason: 'Invalid', details: { name: 'refused', group, kind: 'Widget' } },
      });
      expect(causes(refused)).toEqual(expected);
      const text = expected.length === 1 ? expected[0] : `[${expected.join(', ')}]`;
      expect(refused.body.message).toBe(`Widget.${group} "refused" is invalid: ${text}`);
    });

    it('holds transition rules against the old value', async () => {
      await made(widgets, widget('pinned', { pinned: 'a' }));
      const refused = await api.patch(`${widgets}/pinned`, 'merge', { spec: { pinned: 'b' } });
      expect(refused.status).toBe(422);
      expect(causes(refused)).toEqual(['spec: Invalid value: "object": pinned is immutable']);
      expect((await api.patch(`${widgets}/pinned`, 'merge', { spec: { hosts: ['x'] } })).status).toBe(200);
    });

    it('prunes unknown fields and warns; keeps them where the schema says so', async () => {
      const created = await api.post(
        `${widgets}?fieldValidation=Warn`,
        widget('pruned', { foo: 1, ports: [{ port: 1, x: 1 }], free: { y: { z: 1 } } }),
      );
      expect(created.status).toBe(201);
      expect(created.headers.warning).toBe(
        '299 - "unknown field \\"spec.foo\\"", 299 - "unknown field \\"spec.ports[0].x\\""',
      );
      expect(created.body.spec).toEqual({
        selector: {},
        ports: [{ port: 1, protocol: 'TCP' }],
        free: { y: { z: 1 } },
        balancing: { strategy: 'round-robin' },
      });
    });

    it('refuses unknown fields strictly', async () => {
      expect(await api.post(`${widgets}?fieldValidation=Strict`, widget('strict', { foo: 1 }))).toMatchObject({
        status: 400,
        body: {
          message:
            'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.foo"',
        },
      });
    });

    it('drops nulls that are not nullable and keeps those that are', async () => {
      const created = await made(widgets, widget('nulls', { name: null, balancing: null, nothing: null }));
      expect(created.spec).toEqual({ selector: {}, nothing: null, balancing: { strategy: 'round-robin' } });
    });

    it('refuses the wrong kind and version', async () => {
      expect((await api.post(widgets, { ...widget('x'), apiVersion: 'v1' })).status).toBe(400);
      expect(causes(await api.post(widgets, { ...widget('x'), kind: 'Other' }))).toEqual([
        'kind: Invalid value: "Other": must be Widget',
      ]);
    });

    it('refuses a definition whose schema is not structural', async () => {
      const bad = {
        metadata: { name: `bads.${group}` },
        spec: {
          group,
          scope: 'Namespaced',
          names: { plural: 'bads', kind: 'Bad' },
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              schema: { openAPIV3Schema: { type: 'object', properties: { a: {} } } },
            },
          ],
        },
      };
      const refused = await api.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', bad);
      expect(causes(refused)).toEqual([
        'spec.validation.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields',
      ]);
    });
  });

  it("wants an approval for definitions in groups of Kubernetes' own", async () => {
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions?dryRun=All';
    const definition = (approved?: string): Answer => {
      const made = widgetDefinition(`s${id}.k8s.io`);
      const annotations = approved === undefined ? {} : { 'api-approved.kubernetes.io': approved };
      return { ...made, metadata: { ...made.metadata, annotations } };
    };
    const field = 'metadata.annotations[api-approved.kubernetes.io]';
    const rule = 'protected groups must have approval annotation "api-approved.kubernetes.io"';
    const see = 'see https://github.com/kubernetes/enhancements/pull/1111';
    expect(causes(await api.post(path, definition()))).toEqual([`${field}: Required value: ${rule}, ${see}`]);
    expect(causes(await api.post(path, definition('yes')))).toEqual([
      `${field}: Invalid value: "yes": ${rule} with either a URL or a reason starting with "unapproved", ${see}`,
    ]);
    for (const approved of ['https://example.com/pull/1', 'unapproved, a test']) {
      expect((await api.post(path, definition(approved))).status).toBe(201);
    }
  });

  describe('patches', () => {
    it('applies JSON patches, and refuses those that do not fit', async () => {
      await made(widgets, widget('json', { hosts: ['a'] }));
      const patched = await api.patch(`${widgets}/json`, 'json', [
        { op: 'test', path: '/spec/hosts/0', value: 'a' },
        { op: 'add', path: '/spec/hosts/-', value: 'b' },
      ]);
      expect(patched.body.spec.hosts).toEqual(['a', 'b']);
      expect(
        (await api.patch(`${widgets}/json`, 'json', [{ op: 'test', path: '/spec/hosts/0', value: 'z' }])).status,
      ).toBe(422);
      expect((await api.patch(`${widgets}/json`, 'json', [{ op: 'remove', path: '/spec/none' }])).status).toBe(422);
      expect((await api.patch(`${widgets}/json`, 'json', {})).status).toBe(400);
    });

    it('applies merge patches: null removes, lists are replaced', async () => {
      await made(widgets, widget('merge', { hosts: ['a', 'b'], name: 'abc' }));
      const patched = await api.patch(`${widgets}/merge`, 'merge', { spec: { hosts: ['c'], name: null } });
      expect(patched.body.spec).toEqual({ selector: {}, hosts: ['c'], balancing: { strategy: 'round-robin' } });
    });

    it('locks with a resourceVersion in a patch', async () => {
      await made(widgets, widget('lock'));
      expect((await api.patch(`${widgets}/lock`, 'merge', { metadata: { resourceVersion: '1' } })).status).toBe(409);
    });

    it('has strategic merge for built-in kinds only', async () => {
      await made(widgets, widget('strategic'));
      expect((await api.patch(`${widgets}/strategic`, 'strategic', {})).status).toBe(415);
      const template = {
        metadata: { labels: { a: 'b' } },
        spec: {
          containers: [
            { name: 'a', image: 'a:1' },
            { name: 'b', image: 'b:1' },
          ],
        },
      };
      const body = { metadata: { name: 'strategic' }, spec: { selector: { matchLabels: { a: 'b' } }, template } };
      const path = `/apis/apps/v1/namespaces/${ns}/deployments`;
      await made(path, body);
      const patched = await api.patch(`${path}/strategic`, 'strategic', {
        spec: {
          template: {
            spec: {
              containers: [
                { name: 'a', image: 'a:2' },
                { name: 'b', $patch: 'delete' },
              ],
            },
          },
        },
      });
      expect(patched.body.spec.template.spec.containers.map((c: Answer) => [c.name, c.image])).toEqual([['a', 'a:2']]);
    });

    it('refuses other media types', async () => {
      expect((await api.send('PATCH', `${widgets}/merge`, { body: {}, contentType: 'text/plain' })).status).toBe(415);
    });
  });

  describe('server-side apply', () => {
    it('creates, and changes nothing when applied again', async () => {
      const config = widget('ssa', { ports: [{ port: 1, name: 'x' }], tags: ['a'] }, { labels: { l: '1' } });
      const created = await api.apply(`${widgets}/ssa`, 'one', config);
      expect(created.status).toBe(201);
      expect(managers(created.body)).toEqual({
        'one/Apply/': {
          'f:metadata': { 'f:labels': { 'f:l': {} } },
          'f:spec': {
            'f:selector': {},
            'f:ports': { 'k:{"port":1,"protocol":"TCP"}': { '.': {}, 'f:name': {}, 'f:port': {} } },
            'f:tags': { 'v:"a"': {} },
          },
        },
      });
      const again = await api.apply(`${widgets}/ssa`, 'one', config);
      expect(again.status).toBe(200);
      expect(again.body).toEqual(created.body);
    });

    it('names every field in dispute', async () => {
      await api.apply(
        `${widgets}/dispute`,
        'one',
        widget('dispute', { ports: [{ port: 1, name: 'x' }] }, { labels: { l: '1' } }),
      );
      const refused = await api.apply(
        `${widgets}/dispute`,
        'two',
        widget('dispute', { ports: [{ port: 1, name: 'y' }] }, { labels: { l: '2' } }),
      );
      expect(refused).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
      expect(refused.body.message).toBe(
        'Apply failed with 2 conflicts: conflicts with "one":\n- .metadata.labels.l\n- .spec.ports[port=1,protocol="TCP"].name',
      );
      expect(refused.body.details.causes).toEqual([
        { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.metadata.labels.l' },
        {
          reason: 'FieldManagerConflict',
          message: 'conflict with "one"',
          field: '.spec.ports[port=1,protocol="TCP"].name',
        },
      ]);
    });

    it('moves ownership when forced', async () => {
      await api.apply(`${widgets}/forced`, 'one', widget('forced', { name: 'abc' }));
      const forced = await api.apply(`${widgets}/forced?force=true`, 'two', widget('forced', { name: 'abd' }));
      expect(forced.body.spec.name).toBe('abd');
      expect(managers(forced.body)['one/Apply/']['f:spec']).toEqual({ 'f:selector': {} });
      expect(managers(forced.body)['two/Apply/']['f:spec']).toEqual({ 'f:selector': {}, 'f:name': {} });
    });

    it('removes what its manager no longer applies, unless another owns it', async () => {
      const path = `${widgets}/left`;
      await api.apply(
        path,
        'one',
        widget('left', { ports: [{ port: 1 }, { port: 2 }], tags: ['a', 'b'], balancing: { weights: { x: 1 } } }),
      );
      await api.apply(path, 'two', widget('left', { ports: [{ port: 2 }], tags: ['b'] }));
      const { body } = await api.apply(path, 'one', widget('left'));
      expect(body.spec).toEqual({
        selector: {},
        ports: [{ port: 2, protocol: 'TCP' }],
        tags: ['b'],
        balancing: { strategy: 'round-robin' },
      });
    });

    it('shares fields of equal value', async () => {
      await api.apply(`${widgets}/shared`, 'one', widget('shared', { name: 'abc' }));
      expect((await api.apply(`${widgets}/shared`, 'two', widget('shared', { name: 'abc' }))).status).toBe(200);
      const { body } = await api.apply(`${widgets}/shared`, 'one', widget('shared'));
      expect(body.spec.name).toBe('abc');
    });

    it('owns atomic lists and maps as one', async () => {
      await api.apply(`${widgets}/atomic`, 'one', widget('atomic', { hosts: ['a'], exact: { a: '1' } }));
      const refused = await api.apply(
        `${widgets}/atomic`,
        'two',
        widget('atomic', { hosts: ['b'], exact: { b: '1' } }),
      );
      expect(refused.body.message).toBe(
        'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.exact\n- .spec.hosts',
      );
    });

    it('conflicts with updaters, by version', async () => {
      await made(widgets, widget('updater', { name: 'abc' }));
      const refused = await api.apply(`${widgets}/updater`, 'one', widget('updater', { name: 'abd' }));
      expect(refused.body.message).toBe(
        `Apply failed with 1 conflict: conflict with "api-suite" using ${group}/v1: .spec.name`,
      );
    });

    it('owns the status through its subresource only', async () => {
      await made(widgets, widget('status'));
      const bare = { apiVersion: `${group}/v1`, kind: 'Widget', metadata: { name: 'status' } };
      const ready = { type: 'Ready', status: 'True' };
      const first = await api.apply(`${widgets}/status/status`, 'one', { ...bare, status: { conditions: [ready] } });
      expect(managers(first.body)['one/Apply/status']).toEqual({
        'f:status': { 'f:conditions': { 'k:{"type":"Ready"}': { '.': {}, 'f:type': {}, 'f:status': {} } } },
      });
      const second = await api.apply(`${widgets}/status/status`, 'two', {
        ...bare,
        status: { conditions: [{ type: 'Other', status: 'True' }] },
      });
      expect(second.body.status.conditions).toEqual([ready, { type: 'Other', status: 'True' }]);
      const left = await api.apply(`${widgets}/status/status`, 'one', bare);
      expect(left.body.status.conditions).toEqual([{ type: 'Other', status: 'True' }]);
      const main = await api.apply(`${widgets}/status`, 'three', { ...widget('status'), status: { ready: true } });
      expect(main.body.status.ready).toBeUndefined();
      expect(managers(main.body)['three/Apply/']['f:status']).toBeUndefined();
    });

    it('merges containers, env and ports of workloads by key', async () => {
      const path = `/apis/apps/v1/namespaces/${ns}/statefulsets/ssa`;
      const config = (container: object): Answer => ({
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'ssa' },
        spec: {
          serviceName: 's',
          selector: { matchLabels: { a: 'b' } },
          template: {
            metadata: { labels: { a: 'b' } },
            spec: { containers: [{ name: 'c', image: 'i:1', ...container }] },
          },
        },
      });
      const first = config({
        ports: [{ containerPort: 80 }],
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '1' },
        ],
      });
      const created = await api.apply(path, 'one', first);
      expect(created.body.spec.template.spec.containers[0]).toMatchObject({
        imagePullPolicy: 'IfNotPresent',
        ports: [{ containerPort: 80, protocol: 'TCP' }],
      });
      // Beside a controller the status changes at any time.
      expect((await api.apply(path, 'one', first)).body.metadata.generation).toBe(1);
      const changed = await api.apply(path, 'one', config({ env: [{ name: 'B', value: '2' }] }));
      const [container] = changed.body.spec.template.spec.containers;
      expect(container.env).toEqual([{ name: 'B', value: '2' }]);
      expect(container.ports).toBeUndefined();
      expect(changed.body.metadata.generation).toBe(2);
      const refused = await api.patch(path, 'merge', { spec: { serviceName: 'other' } });
      expect(refused).toMatchObject({
        status: 422,
        body: { details: { causes: [{ field: 'spec', reason: 'FieldValueForbidden' }] } },
      });
    });

    it('refuses what it cannot type', async () => {
      const unknown = await api.apply(`${widgets}/untyped`, 'one', widget('untyped', { foo: 1 }));
      expect(unknown).toMatchObject({ status: 500 });
      expect(unknown.body.message).toBe(
        `failed to create typed patch object (/untyped; ${group}/v1, Kind=Widget): .spec.foo: field not declared in schema`,
      );
      const twice = await api.apply(
        `${widgets}/untyped`,
        'one',
        widget('untyped', { ports: [{ port: 1 }, { port: 1 }] }),
      );
      expect(twice.body.message).toContain('.spec.ports: duplicate entries for key [port=1,protocol="TCP"]');
    });

    it('needs a manager, and no managedFields', async () => {
      expect((await api.patch(`${widgets}/x`, 'apply', widget('x'))).status).toBe(422);
      expect((await api.apply(`${widgets}/x`, 'one', widget('x', {}, { managedFields: [{}] }))).status).toBe(400);
    });
  });

  describe('lists', () => {
    const path = `${core}/configmaps`;
    beforeAll(async () => {
      for (const [name, labels] of [
        ['list-a', { app: 'list', tier: 'x' }],
        ['list-b', { app: 'list', tier: 'y' }],
        ['list-c', { app: 'list' }],
      ] as const) {
        await made(path, configMap(name, { name }, { labels }));
      }
    });
    const names = (response: ApiResponse): string[] => response.body.items.map((o: Answer) => o.metadata.name);

    it.each([
      ['app=list,tier=x', ['list-a']],
      ['app=list,tier!=x', ['list-b', 'list-c']],
      ['app==list,tier in (x,y)', ['list-a', 'list-b']],
      ['app in (list),tier notin (x)', ['list-b', 'list-c']],
      ['app=list,tier', ['list-a', 'list-b']],
      ['app=list,!tier', ['list-c']],
    ])('selects by %s', async (selector, expected) => {
      expect(names(await api.get(`${path}?labelSelector=${encodeURIComponent(selector)}`))).toEqual(expected);
    });

    it('selects by name, and refuses other fields and bad selectors', async () => {
      expect(names(await api.get(`${path}?fieldSelector=metadata.name%3Dlist-b`))).toEqual(['list-b']);
      expect((await api.get(`${path}?fieldSelector=spec.x%3D1`)).status).toBe(400);
      expect((await api.get(`${path}?labelSelector=a%20in%20(b`)).status).toBe(400);
    });

    it('pages one snapshot', async () => {
      const first = await api.get(`${path}?limit=2&labelSelector=app%3Dlist`);
      expect(names(first)).toEqual(['list-a', 'list-b']);
      await made(path, configMap('list-d', {}, { labels: { app: 'list' } }));
      const rest = await api.get(
        `${path}?limit=2&labelSelector=app%3Dlist&continue=${encodeURIComponent(first.body.metadata.continue)}`,
      );
      expect(names(rest)).toEqual(['list-c']);
      expect(rest.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
      expect(rest.body.metadata.continue ?? '').toBe('');
    });

    it('leaves the type out of built-in items and keeps it in custom ones', async () => {
      const [map] = (await api.get(`${path}?limit=1`)).body.items;
      expect([map.kind, map.apiVersion]).toEqual([undefined, undefined]);
      await made(widgets, widget('listed'));
      const list = (await api.get(widgets)).body;
      expect(list).toMatchObject({ kind: 'WidgetList', apiVersion: `${group}/v1` });
      expect(list.items[0].kind).toBe('Widget');
    });

    it('refuses a resourceVersion of the future', async () => {
      expect(await api.get(`${path}?resourceVersion=999999999`)).toMatchObject({
        status: 504,
        body: { reason: 'Timeout' },
      });
      expect((await api.get(`${path}?resourceVersion=x`)).status).toBe(400);
    });

    it('prints tables with the columns of the definition', async () => {
      await made(widgets, widget('table', { ports: [{ port: 7 }] }));
      await api.patch(`${widgets}/table/status`, 'merge', {
        status: { conditions: [{ type: 'Ready', status: 'True' }] },
      });
      const { body } = await api.get(`${widgets}/table`, table);
      expect(body.kind).toBe('Table');
      expect(body.columnDefinitions.map((c: Answer) => [c.name, c.type, c.priority])).toEqual([
        ['Name', 'string', 0],
        ['Strategy', 'string', 0],
        ['Ready', 'string', 0],
        ['Ports', 'integer', 1],
        ['Age', 'date', 0],
      ]);
      expect(body.rows[0].cells.slice(0, 4)).toEqual(['table', 'round-robin', 'True', 7]);
      expect(body.rows[0].cells[4]).toMatch(/^\d+s$/);
      expect(body.rows[0].object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'table' } });
    });

    it('serves metadata alone', async () => {
      const { body } = await api.get(
        `${path}?limit=1`,
        'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
      );
      expect(body.kind).toBe('PartialObjectMetadataList');
      expect(body.items[0].data).toBeUndefined();
    });
  });

  describe('watches', () => {
    const path = `${core}/configmaps`;
    const named = (name: string, type?: string) => (event: { type: string; object: Answer }) =>
      event.object.metadata.name === name && (type === undefined || event.type === type);

    it('begins with what is there and tells every change', async () => {
      await made(path, configMap('watch-a'));
      const watch = await api.watch(`${path}?fieldSelector=metadata.name%3Dwatch-a`);
      await watch.until(named('watch-a', 'ADDED'));
      await api.patch(`${path}/watch-a`, 'merge', { data: { a: '1' } });
      expect((await watch.until(named('watch-a', 'MODIFIED'))).object.data).toEqual({ a: '1' });
      await api.delete(`${path}/watch-a`);
      const deleted = await watch.until(named('watch-a', 'DELETED'));
      expect(Number(deleted.object.metadata.resourceVersion)).toBeGreaterThan(
        Number(watch.events[1]?.object.metadata.resourceVersion),
      );
      watch.close();
    });

    it('resumes after a resourceVersion without gap or repetition', async () => {
      const first = await made(path, configMap('resume', { n: '0' }));
      for (const n of ['1', '2', '3']) await api.patch(`${path}/resume`, 'merge', { data: { n } });
      const watch = await api.watch(
        `${path}?resourceVersion=${first.metadata.resourceVersion}&fieldSelector=metadata.name%3Dresume`,
      );
      await watch.until((event) => event.object.data?.n === '3');
      expect(watch.events.map((e) => [e.type, e.object.data.n])).toEqual([
        ['MODIFIED', '1'],
        ['MODIFIED', '2'],
        ['MODIFIED', '3'],
      ]);
      watch.close();
    });

    it('refuses to resume from before its history, and resumes from a new list', async () => {
      const refused = await api.watch(`${widgets}?resourceVersion=1`);
      await refused.end();
      expect(refused.status).toBe(200);
      expect(refused.events).toEqual([
        {
          type: 'ERROR',
          object: expect.objectContaining({ kind: 'Status', status: 'Failure', code: 410, reason: 'Expired' }),
        },
      ]);
      expect(refused.events[0]?.object.message).toMatch(/^too old resource version: 1 \(\d+\)$/);
      const { body } = await api.get(widgets);
      await made(widgets, widget('after-expiry'));
      const watch = await api.watch(`${widgets}?resourceVersion=${body.metadata.resourceVersion}`);
      await watch.until(named('after-expiry', 'ADDED'));
      expect(watch.events).toHaveLength(1);
      watch.close();
    });

    it('tells an object that begins or ceases to match as added and deleted', async () => {
      const { body } = await api.get(`${path}?limit=1`);
      const watch = await api.watch(
        `${path}?labelSelector=watched%3Dyes&resourceVersion=${body.metadata.resourceVersion}`,
      );
      await made(path, configMap('turns', {}));
      await api.patch(`${path}/turns`, 'merge', { metadata: { labels: { watched: 'yes' } } });
      await watch.until(named('turns', 'ADDED'));
      await api.patch(`${path}/turns`, 'merge', { data: { a: '1' } });
      await watch.until(named('turns', 'MODIFIED'));
      const off = await api.patch(`${path}/turns`, 'merge', { metadata: { labels: { watched: 'no' } } });
      const gone = await watch.until(named('turns', 'DELETED'));
      expect(gone.object.metadata.labels).toEqual({ watched: 'yes' });
      expect(gone.object.metadata.resourceVersion).toBe(off.body.metadata.resourceVersion);
      watch.close();
    });

    it('ends after timeoutSeconds', async () => {
      const watch = await api.watch(`${path}?timeoutSeconds=1`);
      await watch.end();
      expect(watch.events.every((e) => e.type === 'ADDED' || e.type === 'BOOKMARK')).toBe(true);
    });

    (options.watchList === false ? it.skip : it)('streams initial events and marks their end', async () => {
      await made(path, configMap('initial'));
      const watch = await api.watch(
        `${path}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=`,
      );
      const mark = await watch.until((event) => event.type === 'BOOKMARK');
      expect(mark.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
      expect(watch.events.some(named('initial', 'ADDED'))).toBe(true);
      watch.close();
      expect((await api.get(`${path}?watch=true&sendInitialEvents=true&timeoutSeconds=1`)).status).toBe(422);
    });

    it('watches as tables', async () => {
      await made(widgets, widget('watch-table'));
      const watch = await api.watch(`${widgets}?fieldSelector=metadata.name%3Dwatch-table`, table);
      const first = await watch.until(() => true);
      expect(first).toMatchObject({
        type: 'ADDED',
        object: { kind: 'Table', rows: [{ cells: expect.arrayContaining(['watch-table']) }] },
      });
      watch.close();
    });
  });

  describe('deletion', () => {
    const path = `${core}/configmaps`;

    it('answers with a Status when the object is gone', async () => {
      const created = await made(path, configMap('gone'));
      expect(await api.delete(`${path}/gone`)).toMatchObject({
        status: 200,
        body: {
          kind: 'Status',
          status: 'Success',
          details: { name: 'gone', kind: 'configmaps', uid: created.metadata.uid },
        },
      });
      expect((await api.delete(`${path}/gone`)).status).toBe(404);
    });

    it('waits for the last finalizer', async () => {
      await made(widgets, widget('final', {}, { finalizers: ['suite.test/a', 'suite.test/b'] }));
      const marked = await api.delete(`${widgets}/final`);
      expect(marked.body).toMatchObject({ kind: 'Widget', metadata: { deletionGracePeriodSeconds: 0, generation: 2 } });
      expect(marked.body.metadata.deletionTimestamp).toBeDefined();
      const added = await api.patch(`${widgets}/final`, 'merge', {
        metadata: { finalizers: ['suite.test/a', 'suite.test/c'] },
      });
      expect(causes(added)[0]).toBe(
        'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"suite.test/c"}',
      );
      await api.patch(`${widgets}/final`, 'merge', { metadata: { finalizers: ['suite.test/b'] } });
      expect((await api.get(`${widgets}/final`)).status).toBe(200);
      await api.patch(`${widgets}/final`, 'merge', { metadata: { finalizers: null } });
      expect((await api.get(`${widgets}/final`)).status).toBe(404);
    });

    it('holds preconditions', async () => {
      const created = await made(path, configMap('precondition'));
      expect((await api.delete(`${path}/precondition`, { preconditions: { uid: 'other' } })).status).toBe(409);
      expect((await api.delete(`${path}/precondition`, { preconditions: { resourceVersion: '1' } })).status).toBe(409);
      expect((await api.delete(`${path}/precondition`, { preconditions: { uid: created.metadata.uid } })).status).toBe(
        200,
      );
    });

    it('deletes collections by selector, and tries out first', async () => {
      for (const name of ['bulk-a', 'bulk-b']) await made(path, configMap(name, {}, { labels: { bulk: 'yes' } }));
      expect((await api.delete(`${path}/bulk-a?dryRun=All`)).status).toBe(200);
      expect((await api.get(`${path}/bulk-a`)).status).toBe(200);
      expect((await api.delete(`${path}?labelSelector=bulk%3Dyes`)).status).toBe(200);
      expect((await api.get(`${path}?labelSelector=bulk%3Dyes`)).body.items).toEqual([]);
    });
  });

  describe('built-in kinds', () => {
    it('keeps a Secret with stringData as base64', async () => {
      const created = await made(`${core}/secrets`, { metadata: { name: 'secret' }, stringData: { a: 'b' } });
      expect(created).toMatchObject({ type: 'Opaque', data: { a: 'Yg==' } });
      expect(created.stringData).toBeUndefined();
      expect((await api.post(`${core}/secrets`, { metadata: { name: 's2' }, data: { a: '###' } })).status).toBe(400);
      expect((await api.patch(`${core}/secrets/secret`, 'merge', { type: 'x' })).status).toBe(422);
    });

    it('gives Services addresses, which do not change', async () => {
      const created = await made(`${core}/services`, {
        metadata: { name: 'service' },
        spec: { ports: [{ port: 80 }] },
      });
      expect(created.spec).toMatchObject({ type: 'ClusterIP', ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }] });
      expect(created.spec.clusterIP).toMatch(/^10\.96\./);
      const patched = await api.patch(`${core}/services/service`, 'merge', { spec: { ports: [{ port: 81 }] } });
      expect(patched.body.spec.clusterIP).toBe(created.spec.clusterIP);
      const headless = await made(`${core}/services`, {
        metadata: { name: 'headless' },
        spec: { clusterIP: 'None', ports: [{ port: 80 }] },
      });
      expect(headless.spec.clusterIPs).toEqual(['None']);
    });

    it('shows one Event in both of its groups', async () => {
      const involvedObject = { kind: 'Widget', name: 'w', namespace: ns };
      await made(`${core}/events`, {
        metadata: { name: 'event' },
        involvedObject,
        reason: 'Tried',
        message: 'it ran',
        type: 'Normal',
        source: { component: 'suite' },
      });
      const modern = await api.get(`/apis/events.k8s.io/v1/namespaces/${ns}/events/event`);
      expect(modern.body).toMatchObject({
        apiVersion: 'events.k8s.io/v1',
        note: 'it ran',
        regarding: involvedObject,
        reason: 'Tried',
      });
      const found = await api.get(`${core}/events?fieldSelector=involvedObject.name%3Dw,reason%3DTried`);
      expect(found.body.items).toHaveLength(1);
    });

    it('guards Leases with resourceVersions', async () => {
      const path = `/apis/coordination.k8s.io/v1/namespaces/${ns}/leases`;
      const lease = await made(path, {
        metadata: { name: 'lease' },
        spec: { holderIdentity: 'a', leaseDurationSeconds: 15 },
      });
      expect((await api.put(`${path}/lease`, { ...lease, spec: { ...lease.spec, holderIdentity: 'b' } })).status).toBe(
        200,
      );
      expect((await api.put(`${path}/lease`, { ...lease, spec: { ...lease.spec, holderIdentity: 'c' } })).status).toBe(
        409,
      );
      expect((await api.put(`${path}/lease`, { metadata: { name: 'lease' }, spec: {} })).status).toBe(422);
    });

    it('owns the lists of an EndpointSlice as one, and holds its address type', async () => {
      const path = `/apis/discovery.k8s.io/v1/namespaces/${ns}/endpointslices`;
      const labels = { 'kubernetes.io/service-name': 'slices' };
      const slice = (endpoints: object[], more: object = {}): Answer => ({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'slice', labels },
        addressType: 'IPv4',
        endpoints,
        ports: [{ port: 80 }],
        ...more,
      });
      const one = { addresses: ['10.1.0.1'], conditions: { ready: true } };
      const created = await api.apply(`${path}/slice`, 'one', slice([one, { addresses: ['10.1.0.2'] }]));
      expect(created).toMatchObject({ status: 201, body: { metadata: { generation: 1 } } });
      expect(created.body.endpoints).toEqual([one, { addresses: ['10.1.0.2'], conditions: {} }]);
      expect(created.body.ports).toEqual([{ name: '', port: 80, protocol: 'TCP' }]);
      expect(managers(created.body)).toEqual({
        'one/Apply/': {
          'f:metadata': { 'f:labels': { 'f:kubernetes.io/service-name': {} } },
          'f:addressType': {},
          'f:endpoints': {},
          'f:ports': {},
        },
      });
      const changed = await api.apply(`${path}/slice`, 'one', slice([one]));
      expect(changed.body).toMatchObject({ endpoints: [one], metadata: { generation: 2 } });
      const found = await api.get(`${path}?labelSelector=${encodeURIComponent('kubernetes.io/service-name=slices')}`);
      expect(found.body.items).toHaveLength(1);
      const refusals: [object, string][] = [
        [{ addressType: 'IPv6' }, 'addressType: Invalid value: "IPv6": field is immutable'],
        [
          { endpoints: [{ addresses: ['nonsense'] }] },
          'endpoints[0].addresses[0]: Invalid value: "nonsense": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        ],
      ];
      for (const [more, cause] of refusals) {
        const refused = await api.apply(`${path}/slice`, 'one', slice([], more));
        expect(causes(refused)).toContain(cause);
      }
      const untyped = { ...slice([]), metadata: { name: 'untyped' }, addressType: undefined };
      expect(causes(await api.post(path, untyped))).toEqual(['addressType: Required value']);
    });

    it('answers access reviews', async () => {
      const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
      const { body } = await api.post(path, { spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } });
      expect(body.status.allowed).toBe(true);
    });
  });

  describe('paths and methods', () => {
    it.each([
      ['GET', '/nope', 404],
      ['GET', '/apis/nope.io/v1/things', 404],
      ['PUT', '/api/v1/namespaces/default/configmaps', 405],
      ['POST', '/api/v1/namespaces/default/configmaps/x', 405],
      ['GET', '/api/v1/namespaces/default/configmaps/x/bogus', 404],
      ['DELETE', '/api/v1/namespaces', 405],
    ])('%s %s answers %d', async (method, path, status) => {
      expect((await api.send(method, path, method === 'GET' ? {} : { body: {} })).status).toBe(status);
    });
  });

  (options.controllers === true ? describe : describe.skip)('controllers', () => {
    const path = `${core}/configmaps`;
    const absent = (name: string) => async () => (await api.get(`${path}/${name}`)).status === 404;
    const ownedBy = (owner: Answer, more: object = {}): object => ({
      ownerReferences: [
        { apiVersion: 'v1', kind: 'ConfigMap', name: owner.metadata.name, uid: owner.metadata.uid, ...more },
      ],
    });

    it('removes dependents in the background', async () => {
      const owner = await made(path, configMap('owner-a'));
      const middle = await made(path, configMap('middle-a', {}, ownedBy(owner)));
      await made(path, configMap('leaf-a', {}, ownedBy(middle)));
      await api.delete(`${path}/owner-a`);
      await eventually(absent('middle-a'));
      await eventually(absent('leaf-a'));
    });

    it('removes dependents first in the foreground', async () => {
      const owner = await made(path, configMap('owner-b'));
      await made(
        path,
        configMap('leaf-b', {}, { ...ownedBy(owner, { blockOwnerDeletion: true }), finalizers: ['suite.test/hold'] }),
      );
      const marked = await api.delete(`${path}/owner-b`, { propagationPolicy: 'Foreground' });
      expect(marked.body.metadata.finalizers).toContain('foregroundDeletion');
      await eventually(async () => (await api.get(`${path}/leaf-b`)).body.metadata.deletionTimestamp !== undefined);
      expect((await api.get(`${path}/owner-b`)).status).toBe(200);
      await api.patch(`${path}/leaf-b`, 'merge', { metadata: { finalizers: null } });
      await eventually(absent('owner-b'));
    });

    it('orphans dependents on request', async () => {
      const owner = await made(path, configMap('owner-c'));
      await made(path, configMap('leaf-c', {}, ownedBy(owner)));
      await api.delete(`${path}/owner-c`, { propagationPolicy: 'Orphan' });
      await eventually(absent('owner-c'));
      expect((await api.get(`${path}/leaf-c`)).body.metadata.ownerReferences).toBeUndefined();
    });

    it('keeps an object that has another owner, and removes one whose owner never was', async () => {
      const one = await made(path, configMap('owner-d'));
      const two = await made(path, configMap('owner-e'));
      const both = [one, two].map((o) => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: o.metadata.name,
        uid: o.metadata.uid,
      }));
      await made(path, configMap('leaf-d', {}, { ownerReferences: both }));
      await api.delete(`${path}/owner-d`);
      await eventually(async () => (await api.get(`${path}/leaf-d`)).body.metadata.ownerReferences.length === 1);
      await api.post(
        path,
        configMap('orphan', {}, ownedBy({ metadata: { name: 'never', uid: '00000000-0000-0000-0000-000000000000' } })),
      );
      await eventually(absent('orphan'));
    });

    it('empties a namespace before it goes', async () => {
      const name = `${ns}-gone`;
      await made('/api/v1/namespaces', { metadata: { name } });
      const inside = `/api/v1/namespaces/${name}/configmaps`;
      await made(inside, configMap('held', {}, { finalizers: ['suite.test/hold'] }));
      await made(inside, configMap('free'));
      expect((await api.delete(`/api/v1/namespaces/${name}`)).body.status.phase).toBe('Terminating');
      await eventually(async () => (await api.get(`${inside}/free`)).status === 404);
      expect(await api.post(inside, configMap('late'))).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
      await api.patch(`${inside}/held`, 'merge', { metadata: { finalizers: null } });
      await eventually(async () => (await api.get(`/api/v1/namespaces/${name}`)).status === 404);
    });

    it('removes the objects of a definition with it', async () => {
      const other = `x${group}`;
      await made('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', widgetDefinition(other));
      const base = `/apis/${other}/v1/namespaces/${ns}/widgets`;
      await eventually(async () => (await api.get(base)).status === 200);
      await made(base, { ...widget('w'), apiVersion: `${other}/v1` });
      await api.delete(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.${other}`);
      await eventually(async () => (await api.get(base)).status === 404);
    });
  });
}
