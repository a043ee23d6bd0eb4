import { describe, expect, it } from '@jest/globals';
import { applyUpdate, emptyModel, type MeshModel } from '@tsgateway/model';
import type { ModelUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/model';
import { MeshCatalog } from '../catalog/mesh-catalog.ts';
import { endpointsObject, routeObject, servicesObject } from '../testing/objects.ts';
import { ModelStream } from './model-stream.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** A reader that takes a message only when it is told to. */
function start() {
  const catalog = new MeshCatalog();
  let revision = 0n;
  const model = (): MeshModel => ({
    revision: (revision += 1n),
    services: catalog.services,
    routes: catalog.routes,
    checkers: { epoch: 1, addresses: ['a:1'] },
  });
  const sent: ModelUpdate[] = [];
  let taken: (() => void) | undefined;
  const open = (): void => {
    const stream = new ModelStream(model, {
      write: (update, written) => {
        sent.push(update);
        taken = () => written();
      },
    });
    catalog.onChange((change) => {
      stream.changed(change);
    });
  };
  const take = async (): Promise<void> => {
    taken?.();
    await turn();
  };
  const reader = (): MeshModel =>
    sent.reduce<MeshModel>((m, update) => {
      const next = applyUpdate(m, update);
      if (next === 'stale') throw new Error('stale');
      return next;
    }, emptyModel);
  return { catalog, open, sent, take, reader };
}

describe('ModelStream', () => {
  it('sends the whole model first, the checkers too', async () => {
    const { catalog, open, sent } = start();
    catalog.setServices(servicesObject('web'));
    await turn();
    open();
    expect(sent).toMatchObject([
      { snapshot: true, services: [{ name: 'web' }], checkers: { epoch: 1n, addresses: ['a:1'] } },
    ]);
  });

  it('gives a slow reader the newest of each key in one message, whatever happened meanwhile', async () => {
    const { catalog, open, sent, take, reader } = start();
    open();
    catalog.setServices(servicesObject('web'));
    await turn();
    for (const name of ['a', 'b', 'c']) {
      catalog.setEndpoints(endpointsObject(name));
      await turn();
    }
    catalog.removeEndpoints(endpointsObject('b'));
    catalog.setRoute(routeObject('r', 'web'));
    await turn();
    expect(sent).toHaveLength(1);
    await take();
    expect(sent).toHaveLength(2);
    expect(sent[1]?.removedServices).toEqual(['TailscaleEndpoints/shop/b']);
    expect(
      reader()
        .services.get('TailscaleServices/shop/web')
        ?.groups.map((g) => g.name),
    ).toEqual(['a', 'c']);
    await take();
    expect(sent).toHaveLength(2);
    expect([...reader().services]).toEqual([...catalog.services].sort(([a], [b]) => (a < b ? -1 : 1)));
    expect(reader().routes).toEqual(catalog.routes);
  });
});
