import { describe, expect, it } from '@jest/globals';
import type { BackendRef } from '@tsgateway/model';
import { PostTranslateModifyResponse } from '@tsgateway/protos/proto/extension/service';
import { type TranslationInput, translationRequest } from './testing/envoy-gateway.ts';
import { goldens } from './testing/goldens.ts';
import { model, type ModelInput } from './testing/model.ts';
import { plain } from './testing/plain.ts';
import { findRules } from './rules.ts';
import { translate, type Translated, type TranslateOptions, whyBehind } from './translation.ts';

const run = (input: TranslationInput, options: Partial<TranslateOptions> & { model: TranslateOptions['model'] }) =>
  withBytes(
    translate(findRules(translationRequest(input)), {
      ...{ caFile: undefined, accessLog: true, remembered: () => undefined },
      ...options,
    }),
  );

const withBytes = (translated: Translated) => ({ ...translated, response: translated.response.bytes() });

const rule = 'httproute/default/web/rule/0';
const oneRule = (...backends: string[]): TranslationInput => ({
  clusters: [{ name: rule, backends }],
  routes: { [`${rule}/match/0`]: { cluster: rule } },
});

/** The share of each cluster in the first route; a number: it answers that status itself. */
function sharesIn(response: Uint8Array): unknown {
  const action = PostTranslateModifyResponse.decode(response).routes[0]?.virtualHosts[0]?.routes[0]?.action;
  if (action?.$case === 'directResponse') return action.value.status;
  const specifier = action?.$case === 'route' ? action.value.clusterSpecifier : undefined;
  if (specifier?.$case === 'cluster') return specifier.value;
  if (specifier?.$case !== 'weightedClusters') return undefined;
  return Object.fromEntries(specifier.value.clusters.map((c) => [c.name, c.weight]));
}

describe('translate', () => {
  it.each(goldens('translation'))('$name', ({ input, expected }) => {
    const {
      envoyGateway,
      model: mesh,
      caFile,
      accessLog = true,
    } = input as {
      envoyGateway: TranslationInput;
      model: ModelInput;
      caFile?: string;
      accessLog?: boolean;
    };
    const translation = findRules(translationRequest(envoyGateway));
    const { response, degraded } = withBytes(
      translate(translation, {
        ...{ model: model(mesh), caFile, accessLog, remembered: () => undefined },
      }),
    );
    const { clusters, listeners, routes } = PostTranslateModifyResponse.decode(response);
    const output = plain({ behind: whyBehind(translation, model(mesh)), degraded, clusters, listeners, routes });
    const golden = expected(output);
    expect(golden.actual).toBe(golden.expected);
  });

  it('is deterministic', () => {
    const mesh = model({
      services: [{ name: 'web' }],
      routes: [{ name: 'web', rules: [['TailscaleServices/web:80']] }],
    });
    const input = oneRule('TailscaleServices/web@1');
    expect(run(input, { model: mesh }).response).toEqual(run(input, { model: mesh }).response);
  });

  it('follows a rule that moved: its backends bind it, not its index', () => {
    const mesh = model({
      routes: [{ name: 'web', rules: [['TailscaleServices/new:80'], ['TailscaleServices/web:81']] }],
    });
    // Envoy Gateway has not seen the rule that was put first.
    expect(sharesIn(run(oneRule('TailscaleServices/web@1'), { model: mesh }).response)).toBe(
      'tsgateway/default/web/81',
    );
  });

  it('tells rules with the same backends apart by their order, and equal shares need no telling', () => {
    const refs = (a: number, b: number) => [`TailscaleServices/a:80=${a}`, `TailscaleServices/b:80=${b}`];
    const backends = ['TailscaleServices/a@1', 'TailscaleServices/b@1'];
    const second = 'httproute/default/web/rule/7';
    const one = oneRule(...backends);
    const two = { clusters: [{ name: second, backends }, ...one.clusters], routes: { r: { cluster: second } } };
    const shares = (input: TranslationInput, ...rules: string[][]) =>
      sharesIn(run(input, { model: model({ routes: [{ name: 'web', rules }] }) }).response);
    const other = ['TailscaleServices/x:80'];
    // Envoy Gateway's index counts rules that our copy does not have.
    const ninetyTen = { 'tsgateway/default/a/80': 90, 'tsgateway/default/b/80': 10 };
    expect(shares(two, refs(50, 50), other, refs(90, 10))).toEqual(ninetyTen);
    expect(shares(one, other, refs(90, 10), refs(90, 10))).toEqual(ninetyTen);
    const ambiguous = run(one, {
      model: model({ routes: [{ name: 'web', rules: [other, refs(30, 70), refs(1, 2)] }] }),
    });
    expect(ambiguous.degraded).toEqual([{ rule, source: 'equal' }]);
  });

  it('tells a rule from one that has one of its backends without weight, also while that is new', () => {
    const refs = (a: number, b: number) => [`TailscaleServices/a:80=${a}`, `TailscaleServices/b:80=${b}`];
    const both = ['TailscaleServices/a@1', 'TailscaleServices/b@1'];
    const second = 'httproute/default/web/rule/1';
    const mesh = model({ routes: [{ name: 'web', rules: [refs(3, 1), refs(0, 1)] }] });
    const inSync = oneRule(...both);
    expect(run(inSync, { model: mesh }).degraded).toEqual([]);
    expect(sharesIn(run(inSync, { model: mesh }).response)).toEqual({
      ...{ 'tsgateway/default/a/80': 3, 'tsgateway/default/b/80': 1 },
    });
    // Envoy Gateway has not seen that the second rule's first backend lost its weight.
    const routes = { r: { cluster: second } };
    const before = { clusters: [...(inSync.clusters ?? []), { name: second, backends: both }], routes };
    expect(sharesIn(run(before, { model: mesh }).response)).toBe('tsgateway/default/b/80');
  });

  it('takes the place in the route only to choose among rules with the same backends', () => {
    const rules = [[30, 70] as const, [1, 2] as const].map(([a, b], i) => ({
      refs: [`TailscaleServices/a:80=${a}`, `TailscaleServices/b:80=${b}`],
      index: 3 * i,
    }));
    const run3 = (name: string) =>
      run(
        {
          clusters: [{ name, backends: ['TailscaleServices/a@1', 'TailscaleServices/b@1'] }],
          routes: { r: { cluster: name } },
        },
        { model: model({ routes: [{ name: 'web', rules }] }) },
      );
    expect(sharesIn(run3('httproute/default/web/rule/3').response)).toEqual({
      ...{ 'tsgateway/default/a/80': 1, 'tsgateway/default/b/80': 2 },
    });
    expect(run3('httproute/default/web/rule/4').degraded).toMatchObject([{ source: 'equal' }]);
    // Other backends stand there now: nothing of them.
    const moved = model({ routes: [{ name: 'web', rules: [{ refs: ['TailscaleServices/x:80'], index: 0 }] }] });
    expect(sharesIn(run(oneRule('TailscaleServices/a@1'), { model: moved }).response)).toBe('tsgateway/default/a/0');
  });

  it('waits for no service that is gone', () => {
    const mesh = model({ routes: [{ name: 'web', rules: [['TailscaleServices/web:80']] }] });
    const found = findRules(translationRequest(oneRule('TailscaleServices/web@2')));
    expect(whyBehind(found, mesh)).toEqual(['TailscaleServices/default/web has generation 2, the model has none']);
    expect(whyBehind(found, { ...mesh, gone: (key) => key === 'TailscaleServices/default/web' })).toEqual([]);
  });

  it('finds a rule of a former copy by its backends, as our copy may be ahead', () => {
    const [former, older] = [
      [['TailscaleServices/web:80=3', 'TailscaleServices/api:80=1'], ['TailscaleServices/web:80']],
      [['TailscaleServices/web:80=9', 'TailscaleServices/api:80=1']],
    ].map((rules) => model({ routes: [{ name: 'web', rules }] }).routes.get('HTTPRoute/default/web'));
    const services = [{ name: 'web' }, { name: 'api' }];
    const mesh = {
      ...model({ services, routes: [{ name: 'web', rules: [['TailscaleServices/other:80']] }] }),
      former: () => [former, older].flatMap((copy) => copy ?? []),
    };
    const input = oneRule('TailscaleServices/web@1', 'TailscaleServices/api@1');
    const { degraded, bindings } = run(input, { model: mesh });
    expect(degraded).toEqual([]);
    expect([...bindings.values()].map((refs) => refs.map((ref) => [ref.name, ref.weight]))).toEqual([
      [
        ['web', 3],
        ['api', 1],
      ],
    ]);
    expect(whyBehind(findRules(translationRequest(input)), mesh)).toEqual([]);
    // Part of what a rule once had says nothing.
    expect(run(oneRule('TailscaleServices/api@1'), { model: mesh }).degraded).toMatchObject([{ source: 'equal' }]);
  });

  it('without the route: the shares last known of these backends, else equal ones', () => {
    const known = model({
      routes: [{ name: 'web', rules: [['TailscaleServices/a:80=90', 'TailscaleServices/b:81=10']] }],
    });
    const input = oneRule('TailscaleServices/b@1', 'TailscaleServices/a@1');
    const first = run(input, { model: known });
    expect(first.degraded).toEqual([]);
    const gone = model({});
    const later = run(input, { model: gone, remembered: (key) => first.bindings.get(key) });
    expect(sharesIn(later.response)).toEqual({ 'tsgateway/default/a/80': 90, 'tsgateway/default/b/81': 10 });
    expect(later.degraded).toEqual([{ rule, source: 'remembered' }]);
    const never = run(input, { model: gone });
    expect(sharesIn(never.response)).toEqual({ 'tsgateway/default/b/0': 1, 'tsgateway/default/a/0': 1 });
    expect(never.degraded).toEqual([{ rule, source: 'equal' }]);
    // By a port that is in use: the proxies have that cluster, while one of another name begins without endpoints.
    const others = [['TailscaleServices/a:82', 'Service/b:1'], ['TailscaleServices/a:80']];
    const elsewhere = run(input, { model: model({ routes: [{ name: 'other', rules: others }] }) });
    expect(sharesIn(elsewhere.response)).toEqual({ 'tsgateway/default/b/0': 1, 'tsgateway/default/a/80': 1 });
  });

  it('takes no rule for one whose backends have no weight in it', () => {
    const rules = [['TailscaleServices/a:80=1', 'TailscaleServices/b:80=0']];
    const mesh = model({ routes: [{ name: 'web', rules }] });
    const { response, degraded } = run(oneRule('TailscaleServices/b@1'), { model: mesh });
    expect(sharesIn(response)).toBe('tsgateway/default/b/80');
    expect(degraded).toEqual([{ rule, source: 'equal' }]);
  });

  it('gives nothing to a reference that Envoy Gateway refused, and keeps its share of errors', () => {
    const mesh = model({
      routes: [{ name: 'web', rules: [['TailscaleServices/web:80=3', 'TailscaleServices/secret:80=1']] }],
    });
    const input = oneRule('TailscaleServices/web@1');
    const routes = { r: { weights: { 'invalid-backend-cluster': 1, [rule]: 3 } } };
    const { response, degraded } = run({ ...input, routes }, { model: mesh });
    expect(sharesIn(response)).toEqual({ 'invalid-backend-cluster': 1, 'tsgateway/default/web/80': 3 });
    expect(degraded).toEqual([{ rule, source: 'partial' }]);
  });

  it('keeps the share of errors in proportion where weights are not known', () => {
    const routes = { r: { weights: { 'invalid-backend-cluster': 10, [rule]: 90 } } };
    const { response } = run({ ...oneRule('TailscaleServices/web@1'), routes }, { model: model({}) });
    expect(sharesIn(response)).toEqual({ 'invalid-backend-cluster': 10, 'tsgateway/default/web/0': 90 });
  });

  it('never lets weights outgrow what Envoy takes', () => {
    const refs: BackendRef[] = ['a', 'b'].map((name, i) => ({
      ...{ group: 'gateway.tailscale.com', kind: 'TailscaleServices', namespace: 'default', name, port: 80 },
      weight: i === 0 ? 1_000_000 : 1,
    }));
    const routes = { r: { weights: { 'invalid-backend-cluster': 1_000_000, [rule]: 999_999 } } };
    const input = { ...oneRule('TailscaleServices/a@1', 'TailscaleServices/b@1'), routes };
    const shares = sharesIn(run(input, { model: model({}), remembered: () => refs }).response) as Record<
      string,
      number
    >;
    expect(Object.values(shares).reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(2 ** 32 - 1);
    expect(shares['tsgateway/default/b/80']).toBeGreaterThan(0);
  });

  it('answers 500 where no backend has a weight', () => {
    const mesh = model({ routes: [{ name: 'web', rules: [['TailscaleServices/web:80=0']] }] });
    expect(sharesIn(run(oneRule('TailscaleServices/web@1'), { model: mesh }).response)).toBe(500);
  });

  it('has the clusters of backends without weight ready, of rules that a route leads to', () => {
    const rules = [['TailscaleServices/web:80=1', 'TailscaleServices/next:80=0']];
    const mesh = model({ services: [{ name: 'web' }, { name: 'next' }], routes: [{ name: 'web', rules }] });
    const input = oneRule('TailscaleServices/web@1');
    const found = (i: TranslationInput) => {
      const { response } = run(i, { model: mesh });
      return PostTranslateModifyResponse.decode(response).clusters.map((c) => c.name);
    };
    expect(found(input)).toEqual(['tsgateway/default/next/80', 'tsgateway/default/web/80']);
    expect(sharesIn(run(input, { model: mesh }).response)).toBe('tsgateway/default/web/80');
    expect(found({ ...input, routes: { r: { cluster: 'other' } } })).toEqual([]);
  });

  it('adds the access log behind those that are there, and only where it is wanted', () => {
    const mesh = model({ routes: [{ name: 'web', rules: [['TailscaleServices/web:80']] }] });
    const listeners = { 'default/gateway/http': { accessLog: [{ name: 'mine' }] } } as TranslationInput['listeners'];
    const logs = (accessLog: boolean) => {
      const { response } = run({ ...oneRule('TailscaleServices/web@1'), listeners }, { model: mesh, accessLog });
      const [listener] = plain(PostTranslateModifyResponse.decode(response).listeners) as { filterChains: object[] }[];
      return JSON.stringify(listener).match(/"name":"(mine|envoy.access_loggers.http_grpc)"/g);
    };
    expect(logs(true)).toEqual(['"name":"mine"', '"name":"envoy.access_loggers.http_grpc"']);
    expect(logs(false)).toEqual(['"name":"mine"']);
  });

  it('takes out the cluster of a rule only where no route names it', () => {
    const mesh = model({ routes: [{ name: 'web', rules: [['TailscaleServices/web:80', 'Service/plain:80']] }] });
    const input = oneRule('TailscaleServices/web@1');
    const names = (i: TranslationInput) =>
      PostTranslateModifyResponse.decode(run(i, { model: mesh }).response).clusters.map((c) => c.name);
    expect(names(input)).toEqual([rule, 'tsgateway/default/web/80']);
    expect(names({ ...input, routes: { r: { cluster: 'other' } } })).toEqual([]);
  });
});

describe('whyBehind', () => {
  const translation = (policies: object[] = []) =>
    findRules(translationRequest({ ...oneRule('TailscaleServices/web@2'), policies }));
  const routes = [{ name: 'web', rules: [['TailscaleServices/web:80']] }];

  it('names what the model lacks', () => {
    const without = model({ routes });
    const web = 'TailscaleServices/default/web has generation 2, the model has';
    expect(whyBehind(translation(), without)).toEqual([`${web} none`]);
    const older = model({ routes, services: [{ name: 'web', generation: 1 }] });
    expect(whyBehind(translation(), older)).toEqual([`${web} generation 1`]);
    expect(whyBehind(translation(), model({ services: [{ name: 'web', generation: 2 }] }))).toEqual([
      'httproute/default/web/rule/0 has a rule with TailscaleServices/default/web, the model has none of the route',
    ]);
    expect(whyBehind(translation(), model({ routes, services: [{ name: 'web', generation: 3 }] }))).toEqual([]);
  });

  it('waits for the revision that Envoy Gateway was told to ask for', () => {
    const sync = { kind: 'TailscaleGatewaySync', spec: { revision: '12' } };
    const fresh = { routes, services: [{ name: 'web', generation: 2 }] };
    expect(whyBehind(translation([sync]), model({ ...fresh, revision: 11 }))).toEqual([
      'revision 12 was announced, the model has 11',
    ]);
    expect(whyBehind(translation([sync]), model({ ...fresh, revision: 12 }))).toEqual([]);
    expect(whyBehind(translation([{ kind: 'Other', spec: { revision: '99' } }]), model(fresh))).toEqual([]);
  });
});
