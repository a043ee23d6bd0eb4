import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { decideEnsure, entryKey, readRegistry } from '@tsgateway/coordination';
import type { EnsureRequest } from '@tsgateway/protos/tsgateway/v1alpha1/coordinator';
import { asCoordinatorError, type CoordinatorError } from './coordinator-error.ts';
import { Bench, CLIENT, detachRequest, ensureRequest, secret, TAILNET, until, type Seat } from './testing/bench.ts';

const never = new AbortController().signal;
let bench: Bench;
let seat: Seat;

beforeEach(async () => {
  bench = await Bench.start();
  seat = bench.seat();
});

afterEach(() => bench.close());

const metric = async (name: string): Promise<string[]> =>
  (await seat.registry.metrics()).split('\n').filter((line) => line.startsWith(name));

describe('DescribeTailnet', () => {
  it('says what the tailnet is', async () => {
    bench.api.state.addDevice({ hostname: 'a' });
    bench.api.state.addDevice({ hostname: 'b', connected: false });
    expect(await seat.coordinator.describeTailnet({ tailnet: TAILNET })).toMatchObject({
      name: 'example.ts.net',
      magicDnsSuffix: 'example.ts.net',
      deviceCount: 2,
      connectedDevices: 1,
      scopes: ['all'],
      secretVersion: '1',
    });
  });

  it('names the Secret, and the key to add', async () => {
    const ask = () => seat.coordinator.describeTailnet({ tailnet: TAILNET });
    seat.secrets.set('system/oauth', secret('2', { client_id: CLIENT.id }));
    await expect(ask()).rejects.toMatchObject({
      code: 'secret-invalid',
      message: 'Secret system/oauth lacks the key client_secret: add it',
    });
    seat.secrets.delete('system/oauth');
    await expect(ask()).rejects.toMatchObject({ code: 'secret-not-found' });
  });

  it('uses a corrected Secret at once, in either spelling', async () => {
    const ask = () => seat.coordinator.describeTailnet({ tailnet: TAILNET });
    seat.secrets.set('system/oauth', secret('2', { 'client-id': CLIENT.id, 'client-secret': 'wrong-secret' }));
    const refused = await ask().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'credentials-refused' });
    expect(String(refused) + seat.lines.join()).not.toContain('wrong-secret');

    seat.secrets.set('system/oauth', secret('3', { 'client-id': CLIENT.id, 'client-secret': CLIENT.secret }));
    expect(await ask()).toMatchObject({ secretVersion: '3' });
  });
});

describe('Ensure', () => {
  it('creates the service, and asks the API for nothing more than one reading when repeated', async () => {
    bench.api.state.addDevice({ hostname: 'web-0' });
    const first = await seat.coordinator.ensure(ensureRequest({ autoApprove: false }), never);
    expect(first).toMatchObject({
      service: {
        name: 'svc:web',
        ports: ['tcp:80'],
        tags: ['tag:web'],
        comment: 'web',
        annotations: { team: 'backend' },
      },
      addresses: [expect.stringMatching(/^100\./), expect.stringMatching(/^fd7a:/)],
      dnsName: 'web.example.ts.net',
      ownerOperator: 'east',
      consumerOperators: [],
      registryKey: 'web-registry',
      created: true,
      specConflicts: [],
    });
    expect(bench.api.calls().get('PUT vip-services')).toBe(1);

    const again = await seat.coordinator.ensure(ensureRequest({ autoApprove: false }), never);
    expect(again).toEqual({ ...first, created: false });
    expect(bench.api.calls().get('PUT vip-services')).toBe(1);
  });

  it('applies a changed spec', async () => {
    await seat.coordinator.ensure(ensureRequest(), never);
    const service = { ...ensureRequest().service!, ports: ['tcp:80', 'tcp:443'] };
    expect((await seat.coordinator.ensure(ensureRequest({ service }), never)).service?.ports).toEqual(service.ports);
  });

  it('joins a foreign service and leaves it as it was', async () => {
    const foreign = bench.api.state.putService({ name: 'svc:web', ports: ['tcp:443'], displayName: 'Web' });
    const joined = await seat.coordinator.ensure(ensureRequest({ autoApprove: false }), never);
    expect(joined).toMatchObject({
      created: false,
      ownerOperator: '',
      consumerOperators: ['east'],
      specConflicts: ['ports', 'tags', 'comment', 'annotations'],
    });
    expect(bench.api.state.service('svc:web')).toMatchObject(foreign);

    expect(await seat.coordinator.detach(detachRequest(), never)).toEqual({ deleted: false });
    expect(bench.api.state.service('svc:web')).toEqual({ ...foreign, annotations: {} });
  });

  it('does not create to attach', async () => {
    const attach = seat.coordinator.ensure(ensureRequest({ attachOnly: true }), never);
    await expect(attach).rejects.toMatchObject({ code: 'service-not-found' });
  });

  it('names the field that is wrong', async () => {
    const service = ensureRequest().service!;
    for (const [over, message] of [
      [{ service: { ...service, name: 'web' } }, 'service.name: must be "svc:" and a DNS label'],
      [{ service: { ...service, ports: ['http'] } }, 'service.ports.0: must look like "tcp:80"'],
      [{ service: { ...service, annotations: { [entryKey('west')]: 'x' } } }, /^service.annotations: holds a key/],
      [{ service: undefined }, 'service: is required'],
      [{ tailnet: { ...TAILNET, secretName: '' } }, 'tailnet.secret_name: is required'],
      [{ operatorId: 'a/b' }, /^operator_id: /],
    ] satisfies [Partial<EnsureRequest>, string | RegExp][]) {
      const refused = await seat.coordinator.ensure({ ...ensureRequest(), ...over }, never).catch((e: unknown) => e);
      expect(refused).toMatchObject({ code: 'invalid-argument', message: expect.stringMatching(message) });
    }
    expect([...bench.api.calls().keys()]).toEqual([]);
  });

  it('says that the name belongs to something else', async () => {
    bench.api.state.addDevice({ hostname: 'web' });
    await expect(seat.coordinator.ensure(ensureRequest(), never)).rejects.toMatchObject({ code: 'name-taken' });
  });

  it('approves hosts that carry a tag of the service, and nobody else', async () => {
    await seat.coordinator.ensure(ensureRequest(), never);
    const ours = bench.api.state.addDevice({ hostname: 'web-0', tags: ['tag:web'] });
    const theirs = bench.api.state.addDevice({ hostname: 'laptop', tags: [] });
    bench.api.state.advertise('svc:web', ours.nodeId);
    bench.api.state.advertise('svc:web', theirs.nodeId);
    await seat.coordinator.ensure(ensureRequest(), never);

    expect(bench.api.state.hosts('svc:web').map((host) => host.approvalLevel)).toEqual([
      'approved:manual',
      'not-approved',
    ]);
  });

  it('gets through lost writes, late errors and stale reads', async () => {
    bench.api.setFaults({ lostUpdateRate: 0.3, lateErrorRate: 0.2, staleReadRate: 0.2 });
    await until('the service is there', () =>
      seat.coordinator.ensure(ensureRequest(), never).then(
        () => true,
        () => false,
      ),
    );
    expect(readRegistry(bench.api.state.service('svc:web')?.['annotations'] as Record<string, string>).owner).toBe(
      'east',
    );
  });

  it('puts back what another writer has undone, without being asked', async () => {
    await seat.coordinator.ensure(ensureRequest(), never);
    const { addrs } = bench.api.state.service('svc:web')!;
    // A writer that read before we wrote.
    const stale = decideEnsure(
      undefined,
      { name: 'svc:web', operatorId: 'west', consumer: 'x', spec: ensureRequest().service!, attachOnly: false },
      Date.now() + 1000,
    ).write!;
    bench.api.state.putService({ ...stale, addrs });

    const registry = () => readRegistry(bench.api.state.service('svc:web')?.['annotations'] as Record<string, string>);
    await until('both are there', () => registry().owner === 'east' && registry().consumers[0] === 'west');
    await until('it is counted', async () =>
      (await metric('service_coordinator_reasserted_writes_total ')).includes(
        'service_coordinator_reasserted_writes_total 1',
      ),
    );
  });

  it('brings back a service that was deleted, with its IPv4', async () => {
    const { addresses } = await seat.coordinator.ensure(ensureRequest(), never);
    bench.api.state.deleteService('svc:web');
    await until('it is back', () => bench.api.state.service('svc:web') !== undefined);
    expect(bench.api.state.service('svc:web')?.addrs[0]).toBe(addresses[0]);
  });
});

describe('a tailnet in trouble', () => {
  it('passes on how long the tailnet asks to wait, and asks nothing more until then', async () => {
    bench.api.setFaults({ rateLimitRate: 1, retryAfterSeconds: 60 });
    const limited = await seat.coordinator.ensure(ensureRequest(), never).catch(asCoordinatorError);
    expect(limited).toMatchObject({ code: 'overloaded' });
    expect((limited as CoordinatorError).retryAfterMs).toBeGreaterThan(55_000);
    bench.api.setFaults({});
    const before = [...bench.api.calls().values()];
    await expect(seat.coordinator.detach(detachRequest(), never)).rejects.toThrow(/rate limit/);
    expect([...bench.api.calls().values()]).toEqual(before);
  });

  it('is unavailable while the API is away, and works again after', async () => {
    bench.api.setFaults({ outage: true });
    await expect(seat.coordinator.ensure(ensureRequest(), never)).rejects.toMatchObject({ code: 'unavailable' });
    bench.api.setFaults({});
    expect(await seat.coordinator.ensure(ensureRequest(), never)).toMatchObject({ created: true });
  });

  it('does not delete for a caller that gave up', async () => {
    await seat.coordinator.ensure(ensureRequest(), never);
    const gone = AbortSignal.abort();
    await expect(seat.coordinator.detach(detachRequest(), gone)).rejects.toMatchObject({ code: 'deadline-exceeded' });
    expect(bench.api.state.service('svc:web')).toBeDefined();
  });
});

describe('Detach', () => {
  it('deletes the service with its last object, and is idempotent', async () => {
    const other = 'TailscaleServices/default/other';
    await seat.coordinator.ensure(ensureRequest(), never);
    await seat.coordinator.ensure(ensureRequest({ consumer: other }), never);

    expect(await seat.coordinator.detach(detachRequest(), never)).toEqual({ deleted: false });
    expect(await seat.coordinator.detach(detachRequest({ consumer: other }), never)).toEqual({ deleted: true });
    expect(bench.api.state.service('svc:web')).toBeUndefined();
    expect(await seat.coordinator.detach(detachRequest(), never)).toEqual({ deleted: false });
  });

  it('counts services, registrations and clean-ups', async () => {
    await seat.coordinator.ensure(ensureRequest(), never);
    expect(await metric('service_coordinator_services')).toEqual([
      'service_coordinator_services 1',
      'service_coordinator_services_total 1',
    ]);
    await seat.coordinator.detach(detachRequest(), never);
    expect(await metric('service_coordinator_services ')).toEqual(['service_coordinator_services 0']);
    expect(await metric('service_coordinator_registrations_total')).toEqual([
      'service_coordinator_registrations_total 1',
    ]);
    expect(await metric('service_coordinator_cleanup')).toEqual([
      'service_coordinator_cleanup_operations_total{operation="detach"} 0',
      'service_coordinator_cleanup_operations_total{operation="delete"} 1',
    ]);
  });
});

describe('a standby', () => {
  it('refuses, and no longer repairs', async () => {
    await seat.coordinator.ensure(ensureRequest(), never);
    await seat.coordinator.stopLeading();
    bench.api.state.deleteService('svc:web');
    await expect(seat.coordinator.ensure(ensureRequest(), never)).rejects.toMatchObject({ code: 'not-leading' });
    seat.coordinator.lead();
    await expect(seat.coordinator.ensure(ensureRequest({ attachOnly: true }), never)).rejects.toMatchObject({
      code: 'service-not-found',
    });
  });
});
