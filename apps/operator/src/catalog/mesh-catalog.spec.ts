import { describe, expect, it } from '@jest/globals';
import { targetId } from '@tsgateway/model';
import { endpointsObject, routeObject, servicesObject } from '../testing/objects.ts';
import { MeshCatalog, type CatalogChange } from './mesh-catalog.ts';

function start() {
  const catalog = new MeshCatalog();
  const changes: CatalogChange[] = [];
  catalog.onChange((change) => changes.push(change));
  /** What was told since the last call, and that it was told at once. */
  const told = async () => {
    await Promise.resolve();
    const all = changes.splice(0);
    return {
      batches: all.length,
      services: all.flatMap((c) => [...c.services]).sort(),
      routes: all.flatMap((c) => [...c.routes]),
      affectedServices: all.flatMap((c) => [...c.affectedServices]).sort(),
      affectedEndpoints: all.flatMap((c) => [...c.affectedEndpoints]).sort(),
    };
  };
  const groups = (name: string) => catalog.modelOf('TailscaleServices', `shop/${name}`)?.groups.map((g) => g.name);
  return { catalog, told, groups };
}

describe('MeshCatalog', () => {
  it('makes services of what they select, whatever comes first, and tells once per batch', async () => {
    const { catalog, told, groups } = start();
    catalog.setEndpoints(endpointsObject('east'));
    catalog.setServices(servicesObject('web'));
    catalog.setEndpoints(endpointsObject('west'));
    catalog.setEndpoints(endpointsObject('other', { app: 'api' }));
    expect(groups('web')).toEqual(['east', 'west']);
    expect(await told()).toMatchObject({
      batches: 1,
      services: [
        'TailscaleEndpoints/shop/east',
        'TailscaleEndpoints/shop/other',
        'TailscaleEndpoints/shop/west',
        'TailscaleServices/shop/web',
      ],
      affectedServices: ['shop/web'],
    });
  });

  it('touches only the services that a relabelled object leaves and joins', async () => {
    const { catalog, told, groups } = start();
    for (const name of ['web', 'api', 'db']) catalog.setServices(servicesObject(name));
    catalog.setEndpoints(endpointsObject('east', { app: 'web' }));
    await told();
    catalog.setEndpoints(endpointsObject('east', { app: 'api' }));
    expect([groups('web'), groups('api')]).toEqual([[], ['east']]);
    expect(await told()).toMatchObject({
      services: ['TailscaleServices/shop/api', 'TailscaleServices/shop/web'],
      affectedServices: ['shop/api', 'shop/web'],
    });
  });

  it('changes nothing in the model when only a status was written', async () => {
    const { catalog, told } = start();
    const web = servicesObject('web');
    catalog.setServices(web);
    await told();
    catalog.setServices({
      ...web,
      metadata: { ...web.metadata, resourceVersion: '999' },
      status: { totalBackends: 0, healthyBackends: 0, unhealthyBackends: 0 },
    });
    expect(await told()).toMatchObject({ services: [], affectedServices: ['shop/web'] });
  });

  it('keeps the last good version of what turned invalid, and says why', async () => {
    const { catalog, groups } = start();
    catalog.setServices(servicesObject('web'));
    catalog.setEndpoints(endpointsObject('east'));
    const good = servicesObject('web');
    catalog.setServices({ ...good, spec: { ...good.spec, selector: { matchLabels: { app: 'no good!' } } } });
    expect(groups('web')).toEqual(['east']);
    expect(catalog.problemOf('TailscaleServices', 'shop/web')?.message).toContain('spec.selector.matchLabels');
    const east = endpointsObject('east');
    catalog.setEndpoints({ ...east, spec: { ...east.spec, endpoints: [{ name: 'x' }] as never } });
    expect(groups('web')).toEqual(['east']);
    expect(catalog.problemOf('TailscaleEndpoints', 'shop/east')).toMatchObject({ reason: 'Invalid' });
    catalog.setServices(servicesObject('web'));
    expect(catalog.problemOf('TailscaleServices', 'shop/web')).toBeUndefined();
  });

  it('does not judge a status: a bad one never keeps a good spec from serving', () => {
    const { catalog, groups } = start();
    catalog.setServices({ ...servicesObject('web'), status: 'nonsense' as never });
    expect(groups('web')).toEqual([]);
  });

  it('never serves what was never valid', () => {
    const { catalog } = start();
    catalog.setServices({ ...servicesObject('web'), spec: {} as never });
    expect(catalog.services.size).toBe(0);
    expect(catalog.problemOf('TailscaleServices', 'shop/web')).toMatchObject({ reason: 'Invalid' });
  });

  it('takes what is being deleted out of the model', async () => {
    const { catalog, told, groups } = start();
    catalog.setServices(servicesObject('web'));
    catalog.setEndpoints(endpointsObject('east'));
    await told();
    catalog.setEndpoints({
      ...endpointsObject('east'),
      metadata: { ...endpointsObject('east').metadata, deletionTimestamp: 'now' },
    });
    expect(groups('web')).toEqual([]);
    catalog.setServices(servicesObject('web', {}, { deletionTimestamp: 'now' }));
    expect(catalog.services.size).toBe(0);
    expect((await told()).services).toEqual(['TailscaleEndpoints/shop/east', 'TailscaleServices/shop/web']);
  });

  it('knows whom a probe target serves', () => {
    const { catalog } = start();
    catalog.setServices(servicesObject('web'));
    catalog.setEndpoints(endpointsObject('east', { endpoints: [{ name: 'a', healthCheck: {} }] }));
    const machine = catalog.modelOf('TailscaleEndpoints', 'shop/east')!.groups[0]!.machines[0]!;
    const target = targetId(machine)!;
    expect(catalog.servicesOfTarget(target).map((s) => s.kind)).toEqual(['TailscaleEndpoints', 'TailscaleServices']);
    catalog.removeServices(servicesObject('web'));
    expect(catalog.servicesOfTarget(target).map((s) => s.kind)).toEqual(['TailscaleEndpoints']);
  });

  it('holds only routes that name our kinds, and tells of those alone', async () => {
    const { catalog, told } = start();
    const plain = { ...routeObject('plain', 'x'), spec: { rules: [{ backendRefs: [{ name: 'x', port: 80 }] }] } };
    catalog.setRoute(plain);
    expect(await told()).toMatchObject({ batches: 0 });
    catalog.setRoute(routeObject('r', 'web'));
    catalog.setRoute({ ...plain, metadata: { ...plain.metadata, name: 'r' } });
    expect(catalog.routes.size).toBe(0);
    expect((await told()).routes).toEqual(['HTTPRoute/shop/r']);
  });
});
