import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { conditionReasons, validate, type TailscaleEndpoints, type TailscaleServices } from '@tsgateway/api';
import { plan } from '@tsgateway/load-balancing';
import {
  buildEndpointsService,
  buildService,
  machinesOf,
  targetId,
  type Machine,
  type TargetHealth,
} from '@tsgateway/model';
import { parse, stringify } from 'yaml';
import { sentence, type Problem } from '../catalog/checked.ts';
import { wantedVipService } from '../coordinator/wanted-vip-service.ts';
import { endpointsStatus } from './endpoints-status.ts';
import { servicesStatus } from './services-status.ts';
import { tailnetStatus, type DescribedTailnet } from './tailnet-status.ts';
import type { UnsupportedRoute } from './unsupported-routes.ts';
import type { VipOutcome } from './vip-outcome.ts';

const testdata = join(import.meta.dirname, '../../testdata');
const T0 = Date.UTC(2026, 0, 1);

/** A golden's input: objects as stored, health by machine id, and steps of time, of which each sees the status of the one before. */
interface Case {
  services?: TailscaleServices;
  endpoints: TailscaleEndpoints[];
  unsupportedRoutes?: UnsupportedRoute[];
  tailnet?: { found: boolean; ready: { status: 'True' | 'False'; reason: string } | null };
  steps: {
    afterS: number;
    /** `<machine id>: [<seconds>, ...]`: when it changed, beginning healthy; null: not observed. */
    health?: Record<string, number[] | null>;
    /** `wanted` of one that is ensured is what the object wants at that step. */
    vip?: VipOutcome;
    problem?: Problem;
    /** From this step on, in a next generation. */
    vipService?: object;
  }[];
}

const good = <K extends 'TailscaleServices' | 'TailscaleEndpoints'>(kind: K, object: object) => {
  const whole = { apiVersion: 'gateway.tailscale.com/v1alpha1', kind, ...object };
  const result = validate(kind, whole, { unknownFields: 'reject' });
  if (!result.ok) throw new Error(sentence(result.errors));
  return result.value;
};

const observed = (changesS: number[]): TargetHealth => ({
  healthy: changesS.length % 2 === 0,
  observedSinceMs: T0,
  transitions: changesS.map((s, i) => ({ atMs: T0 + s * 1000, healthy: i % 2 === 1 })),
});

function healthOf(
  machines: readonly Machine[],
  health: Record<string, number[] | null> = {},
): Map<string, TargetHealth> {
  return new Map(
    machines.flatMap((m) => {
      const id = targetId(m);
      const changes = m.id in health ? health[m.id] : [];
      return id === undefined || !changes ? [] : [[id, observed(changes)] as const];
    }),
  );
}

function runServices(input: Case): unknown[] {
  let object = good('TailscaleServices', input.services ?? {});
  let generation = 1;
  const selected = input.endpoints.map((e) => good('TailscaleEndpoints', e));
  const service = buildService(object, selected);
  let previous: TailscaleServices['status'];
  return input.steps.map(({ afterS, health, vip, problem, vipService }) => {
    if (vipService !== undefined) {
      object = good('TailscaleServices', { ...object, spec: { ...object.spec, vipService } });
      generation += 1;
    }
    const wanted = wantedVipService(object);
    const nowMs = T0 + afterS * 1000;
    const view = healthOf(machinesOf(service), health);
    const facts = {
      object,
      generation,
      problem,
      previous,
      selected,
      service,
      plan: plan({ service, health: view, nowMs }),
      health: view,
      vip: vip?.kind === 'ensured' ? Object.assign({ wanted }, vip) : vip,
      unsupportedRoutes: input.unsupportedRoutes ?? [],
      nowMs,
    };
    previous = servicesStatus(facts);
    // Nothing happened: nothing may be written, later neither.
    expect(servicesStatus({ ...facts, previous })).toEqual(previous);
    return previous;
  });
}

function runEndpoints(input: Case): unknown[] {
  const object = good('TailscaleEndpoints', input.endpoints[0] ?? {});
  const machines = machinesOf(buildEndpointsService(object));
  let previous: TailscaleEndpoints['status'];
  return input.steps.map(({ afterS, health, problem }) => {
    const view = healthOf(machines, health);
    const details = new Map(
      [...view].map(([id, h]) => [
        id,
        {
          averageResponseTimeUs: 1500,
          successiveSuccesses: h.healthy ? afterS : 0,
          successiveFailures: h.healthy ? 0 : afterS,
          recentFailures: h.healthy
            ? []
            : [{ atMs: T0, errorType: 'HTTPError', message: 'status 503', statusCode: 503 }],
        },
      ]),
    );
    const said = input.tailnet === undefined ? { status: 'True' as const, reason: 'Ready' } : input.tailnet.ready;
    const ready = said && {
      type: 'Ready',
      message: '',
      lastTransitionTime: '',
      ...said,
    };
    const facts = {
      object,
      generation: 1,
      problem,
      previous,
      machines: new Map(machines.map((m) => [m.id.slice(m.id.indexOf('/') + 1), [m]])),
      health: view,
      details,
      tailnet: { found: input.tailnet?.found ?? true, ready: ready ?? undefined },
      unsupportedRoutes: input.unsupportedRoutes ?? [],
      nowMs: T0 + afterS * 1000,
    };
    previous = endpointsStatus(facts);
    expect(endpointsStatus({ ...facts, previous })).toEqual(previous);
    return previous;
  });
}

type Kind = 'TailscaleServices' | 'TailscaleEndpoints';
const suites: [string, Kind, (input: Case) => unknown[]][] = [
  ['services-status', 'TailscaleServices', runServices],
  ['endpoints-status', 'TailscaleEndpoints', runEndpoints],
];

describe.each(suites)('%s', (name, kind, run) => {
  const folder = join(testdata, name);
  it.each(readdirSync(folder).filter((f) => f.endsWith('.in.yaml')))('%s', (file) => {
    const actual: unknown = JSON.parse(
      JSON.stringify(run(parse(readFileSync(join(folder, file), 'utf8'), { merge: true }) as Case)),
    );
    const golden = join(folder, file.replace('.in.yaml', '.out.yaml'));
    if (process.env['UPDATE_GOLDEN']) writeFileSync(golden, stringify(actual, { aliasDuplicateObjects: false }));
    expect(actual).toEqual(parse(readFileSync(golden, 'utf8')));
    for (const status of actual as { conditions: { type: string; reason: string }[] }[]) {
      // As the API server will see it, and with reasons of the table.
      const spec = kind === 'TailscaleServices' ? { selector: {} } : { tailnet: 't' };
      good(kind, { metadata: { name: 'x' }, spec, status });
      for (const { type, reason } of status.conditions) {
        const reasons = conditionReasons[kind][type as 'Ready'];
        expect(Object.keys(reasons)).toContain(reason);
      }
    }
  });
});

describe('tailnetStatus', () => {
  const tailnet: DescribedTailnet = {
    name: 'example.com',
    organization: '',
    tailnetId: 'T1',
    magicDnsSuffix: 'demo.ts.net',
    deviceCount: 3,
    connectedDevices: 2,
    scopes: ['devices'],
    secretVersion: '7',
    credentialExpiresAtMs: T0 + 3_600_000,
  };
  const facts = { generation: 2, previous: undefined, invalid: undefined, nowMs: T0 } as const;
  const ok = tailnetStatus({ ...facts, outcome: { ok: true, tailnet } });

  it('says what the control plane says', () => {
    expect(ok).toEqual({
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'Ready',
          message: 'The credentials of example.com are valid.',
          lastTransitionTime: '2026-01-01T00:00:00Z',
          observedGeneration: 2,
        },
      ],
      tailnetInfo: {
        name: 'example.com',
        tailnetID: 'T1',
        magicDNSSuffix: 'demo.ts.net',
        lastUpdated: '2026-01-01T00:00:00Z',
      },
      credentialStatus: {
        valid: true,
        expiresAt: '2026-01-01T01:00:00Z',
        scopes: ['devices'],
        secretVersion: '7',
        lastValidated: '2026-01-01T00:00:00Z',
      },
      deviceCount: 3,
      connectedDevices: 2,
      lastSyncTime: '2026-01-01T00:00:00Z',
    });
  });

  it('writes nothing while nothing changes, and the time of what did', () => {
    const later = { ...facts, previous: ok, nowMs: T0 + 60_000 };
    expect(tailnetStatus({ ...later, outcome: { ok: true, tailnet } })).toEqual(ok);
    const rotated = tailnetStatus({ ...later, outcome: { ok: true, tailnet: { ...tailnet, secretVersion: '8' } } });
    expect(rotated.credentialStatus).toMatchObject({
      lastRefresh: '2026-01-01T00:01:00Z',
      lastValidated: '2026-01-01T00:00:00Z',
    });
    expect(rotated.lastSyncTime).toBe('2026-01-01T00:01:00Z');
  });

  it('keeps what it knows while nobody answers, not when the credentials are refused', () => {
    const later = { ...facts, previous: ok, nowMs: T0 + 60_000 };
    const away = tailnetStatus({ ...later, outcome: { ok: false, reason: 'Unreachable', message: 'gone' } });
    expect(away).toMatchObject({
      deviceCount: 3,
      credentialStatus: { valid: true },
      conditions: [{ status: 'Unknown', reason: 'Unreachable' }],
    });
    const refused = tailnetStatus({ ...later, outcome: { ok: false, reason: 'CredentialsInvalid', message: 'no' } });
    expect(refused).toMatchObject({
      credentialStatus: { valid: false, lastValidated: '2026-01-01T00:01:00Z' },
      conditions: [{ status: 'False' }],
    });
  });
});
