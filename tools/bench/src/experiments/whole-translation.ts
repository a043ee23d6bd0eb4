import { readFile } from 'node:fs/promises';
import { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import {
  clusterHookRequest,
  customRules,
  customSuffix,
  namedClusters,
  routeHookRequest,
  services,
} from '../corpus/requests.ts';
import { framed, valuesOf } from '../corpus/wire.ts';
import type { Experiment } from '../experiment.ts';
import { hookMethod } from '../peers/load-client.ts';

/** P6, P7: what Envoy Gateway waits for in all on every change, with 1,000 rules that have a custom backend. */
export const wholeTranslation: Experiment = {
  measures: [
    {
      ...{ id: 'P6', title: 'Whole translation, default hooks', unit: 'ms', n: '1,000 custom rules' },
      what:
        'Ours: 1,000 PostClusterModify, then PostTranslateModify with what they answered. ' +
        'Go: the same behind 1,000 PostRouteModify, as a server without stamps needs them; "go, same calls" without',
      ratios: [
        ['go', 'extension-server'],
        ['go, same calls', 'extension-server'],
      ],
    },
    {
      ...{ id: 'P7', title: 'Whole translation, one call', unit: 'ms', n: '1,000 custom rules' },
      what: 'Ours: only PostTranslateModify, with `clusterStatName: "%BACKEND_REFS%"`. Go: as in P6',
      ratios: [['go', 'extension-server']],
    },
  ],
  needsGo: true,
  async start(bench) {
    const rules = [...Array(customRules).keys()];
    const file = (content: Uint8Array) => bench.file(content);
    const clusterBodies = await file(framed(rules.map(clusterHookRequest)));
    const routeBodies = await file(framed(rules.map(routeHookRequest)));
    const clusterHook = { method: hookMethod('PostClusterModify'), bodies: clusterBodies, clusters: true };
    const routeHook = { method: hookMethod('PostRouteModify'), bodies: routeBodies };
    const suffix = await file(customSuffix());
    const nothing = await file(new Uint8Array());
    const stamped = { op: 'translation', prefix: nothing, suffix };
    const named = { ...stamped, prefix: await file(namedClusters()), phases: [] };
    const save = await file(new Uint8Array());
    const load = await bench.load();
    const ours = (await bench.extensionServer()).target;
    const go = (await bench.goServer()).target;

    /** In ms; the answer must have sent every rule to the cluster of its service. */
    const run = async (command: Readonly<Record<string, unknown>>): Promise<number> => {
      const { totalNs } = await load.run({ ...command, save });
      const clusters = valuesOf(await readFile(save), 1).map((c) => Cluster.decode(c).name);
      const made = clusters.filter((name) => name.startsWith('tsgateway/')).length;
      if (made !== services || clusters.length !== services) {
        throw new Error(`${made} of ${services} services got a cluster, of ${clusters.length} clusters in all`);
      }
      return totalNs / 1e6;
    };
    for (const target of [ours, go]) await run({ ...stamped, target, phases: [clusterHook] });
    return async () => {
      const goMs = await run({ ...stamped, target: go, phases: [routeHook, clusterHook] });
      const oursMs = await run({ ...stamped, target: ours, phases: [clusterHook] });
      // What stands in the way of P7 alone must not cost P6.
      const oneMs = await run({ ...named, target: ours }).catch((error: unknown) => error as Error);
      const sameMs = await run({ ...stamped, target: go, phases: [clusterHook] });
      return {
        P6: { 'extension-server': oursMs, go: goMs, 'go, same calls': sameMs },
        P7: typeof oneMs === 'number' ? { 'extension-server': oneMs, go: goMs } : oneMs,
      };
    };
  },
};
