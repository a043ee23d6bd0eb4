import { describe, expect, it } from '@jest/globals';

import { isKindName } from './kinds.ts';
import { defaulted, InvalidObjectError, validate } from './validate.ts';
import type { Validation } from './validate.ts';

const services = (spec: object, more: object = {}): Record<string, unknown> => ({
  apiVersion: 'gateway.tailscale.com/v1alpha1',
  kind: 'TailscaleServices',
  metadata: { name: 'web', namespace: 'default' },
  spec,
  ...more,
});

const errorsOf = (result: Validation<unknown>): string[] =>
  result.ok ? [] : result.errors.map((e) => `${e.path}: ${e.message}`);

describe('validate', () => {
  it('fills the defaults that apply, and no others', () => {
    const result = validate('TailscaleServices', services({ selector: { matchLabels: { app: 'web' } } }));
    expect(result).toEqual({
      ok: true,
      value: services({
        selector: { matchLabels: { app: 'web' } },
        loadBalancing: {
          strategy: 'round-robin',
          healthCheck: {
            enabled: true,
            path: '/health',
            interval: '30s',
            timeout: '5s',
            healthyThreshold: 2,
            unhealthyThreshold: 3,
          },
        },
      }),
    });
  });

  it('leaves the health check of an endpoint to the service', () => {
    const endpoint = { name: 'web', tailscaleIP: '100.64.0.1', tailscaleFQDN: 'web.ts.net', port: 80 };
    const result = validate('TailscaleEndpoints', {
      ...services({ tailnet: 'production', endpoints: [endpoint] }),
      kind: 'TailscaleEndpoints',
    });
    expect(result).toMatchObject({
      value: { spec: { endpoints: [{ ...endpoint, protocol: 'HTTP', weight: 1 }] } },
    });
    expect(result.ok && result.value.spec.endpoints?.[0]).not.toHaveProperty('healthCheck');
    expect(result.ok && result.value.spec).not.toHaveProperty('proxy');
  });

  it('does not change its argument', () => {
    const object = services({ selector: {}, vipService: { name: null } });
    const before = structuredClone(object);
    validate('TailscaleServices', object);
    expect(object).toEqual(before);
  });

  it('names all that is wrong', () => {
    const result = validate(
      'TailscaleServices',
      services({ selector: 1, vipService: { name: 'web' }, loadBalancing: { weights: { 'a/b': -1 } } }),
    );
    expect(errorsOf(result)).toEqual([
      'spec.selector: must be an object',
      'spec.vipService.name: must be svc:<name>, the name being a DNS label',
      'spec.loadBalancing.weights["a/b"]: must be at least 0',
    ]);
  });

  it.each([undefined, null, 1, 'text', [], {}])('never throws: %j', (object) => {
    expect(validate('TailscaleServices', object)).toMatchObject({ ok: false });
  });

  it('checks apiVersion, kind and metadata', () => {
    const { spec } = services({ selector: {} });
    expect(errorsOf(validate('TailscaleServices', { spec }))).toEqual([
      'apiVersion: is required',
      'kind: is required',
      'metadata: is required',
    ]);
    const wrong = { apiVersion: 'v1', kind: 'TailscaleService', metadata: { name: 'Web' }, spec };
    expect(errorsOf(validate('TailscaleServices', wrong))).toEqual([
      'apiVersion: must be gateway.tailscale.com/v1alpha1',
      'kind: must be TailscaleServices',
      'metadata.name: must be a DNS name: lower-case letters, digits, - and .',
    ]);
  });

  it('drops the namespace of a cluster-scoped object, as the API server does', () => {
    const object = { ...services({ oauthSecretName: 'oauth' }), kind: 'TailscaleTailnet' };
    const result = validate('TailscaleTailnet', object);
    expect(result.ok && result.value.metadata).toEqual({ name: 'web' });
  });

  describe('unknown fields', () => {
    const object = services(
      {
        selector: { matchLabels: { any: 'label' }, matchExpression: [] },
        loadBalancing: { healthCheck: { intervall: '10s' }, weights: { anything: 1 } },
        serviceDiscovery: { externalServices: [{ name: 'a', address: 'a', port: 1, tls: true }] },
      },
      { metadata: { name: 'web', anything: { goes: true } }, extra: 1 },
    );

    it('stay by default', () => {
      const result = validate('TailscaleServices', object);
      expect(result).toMatchObject({ ok: true, value: object });
    });

    it('are errors where asked', () => {
      const errors = errorsOf(validate('TailscaleServices', object, { unknownFields: 'reject' }));
      expect(errors.map((e) => e.slice(0, e.indexOf(':')))).toEqual([
        'spec.selector.matchExpression',
        'spec.loadBalancing.healthCheck.intervall',
        'spec.serviceDiscovery.externalServices[0].tls',
        'extra',
      ]);
      expect(errors[0]).toBe('spec.selector.matchExpression: is no field; there are matchLabels, matchExpressions');
    });

    it('are named beside other errors', () => {
      const typo = services({ selektor: {} });
      expect(errorsOf(validate('TailscaleServices', typo, { unknownFields: 'reject' }))).toEqual([
        'spec.selector: is required',
        expect.stringMatching(/^spec\.selektor: is no field/),
      ]);
    });

    it('may be anything where Kubernetes decides', () => {
      const proxy = { affinity: { nodeAffinity: { any: 1 } }, tolerations: [{ key: 'a' }] };
      const endpoints = { ...services({ tailnet: 'production', proxy }), kind: 'TailscaleEndpoints' };
      expect(validate('TailscaleEndpoints', endpoints, { unknownFields: 'reject' })).toMatchObject({ ok: true });
    });
  });
});

describe('defaulted', () => {
  it('fills the defaults', () => {
    const tailnet = defaulted('TailscaleGateway', {
      apiVersion: 'gateway.tailscale.com/v1alpha1',
      kind: 'TailscaleGateway',
      metadata: { name: 'gateway' },
      spec: {
        gatewayRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'eg' },
        tailnets: [
          {
            name: 'production',
            tailscaleTailnetRef: { group: 'gateway.tailscale.com', kind: 'TailscaleTailnet', name: 'production' },
            routeGeneration: { egress: {} },
          },
        ],
      },
    }).spec.tailnets[0];
    expect(tailnet?.routeGeneration).toEqual({
      egress: { hostPattern: '{service}.tailscale.local', pathPrefix: '/tailscale/{service}/', protocol: 'HTTP' },
    });
  });

  it('throws what is wrong', () => {
    const tailnet = {
      apiVersion: 'gateway.tailscale.com/v1alpha1',
      kind: 'TailscaleTailnet',
      metadata: { name: 'production' },
      spec: { oauthSecretName: '' },
    } as const;
    expect(() => defaulted('TailscaleTailnet', tailnet)).toThrow(InvalidObjectError);
    expect(() => defaulted('TailscaleTailnet', tailnet)).toThrow(
      'TailscaleTailnet production is invalid: spec.oauthSecretName: must be a DNS name',
    );
  });
});

describe('isKindName', () => {
  it('knows the kinds, and nothing that every object has', () => {
    expect(isKindName('TailscaleServices')).toBe(true);
    expect(isKindName('toString')).toBe(false);
  });
});
