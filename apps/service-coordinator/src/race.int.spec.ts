import { afterEach, describe, expect, it } from '@jest/globals';
import { readRegistry } from '@tsgateway/coordination';
import { Bench, detachRequest, ensureRequest, until } from './testing/bench.ts';

const never = new AbortController().signal;
let bench: Bench;

afterEach(() => bench.close());

const registry = () => {
  const annotations = bench.api.state.service('svc:web')?.['annotations'] as Record<string, string> | undefined;
  return readRegistry(annotations);
};

describe('two coordinators on one tailnet', () => {
  it.each([1, 2, 3, 4, 5])(
    'end with both operators and one owner, and with nothing once both left (seed %i)',
    async (seed) => {
      bench = await Bench.start({ seed, faults: { latencyMs: [0, 30], lostUpdateRate: 0.2, lateErrorRate: 0.1 } });
      const foreign = bench.api.state.putService({ name: 'svc:theirs', ports: ['tcp:443'], comment: 'by hand' });
      const seats = { east: bench.seat(), west: bench.seat() };
      const operators = ['east', 'west'] as const;
      // As an operator does: again and again until it succeeds.
      const insist = (what: string, call: () => Promise<unknown>) =>
        until(what, () =>
          call().then(
            () => true,
            () => false,
          ),
        );

      await Promise.all(
        operators.flatMap((operatorId) =>
          ['a', 'b'].map((name) => {
            const service = { ...ensureRequest().service!, comment: operatorId };
            const consumer = `TailscaleServices/default/${name}`;
            return insist('ensure', () =>
              seats[operatorId].coordinator.ensure(ensureRequest({ operatorId, consumer, service }), never),
            );
          }),
        ),
      );
      bench.api.setFaults({ latencyMs: [0, 30] });
      const complete = (): boolean =>
        registry().consumers.length === 1 &&
        operators.every((operator) => registry().entries.get(operator)?.consumers.length === 2);
      await until('all four objects are there, with one owner', complete);
      await until(
        'the owner’s spec is there',
        () => bench.api.state.service('svc:web')?.['comment'] === registry().owner,
      );

      const answers = await Promise.all(
        operators.map((operatorId) => {
          const service = { ...ensureRequest().service!, comment: operatorId };
          const consumer = 'TailscaleServices/default/a';
          return seats[operatorId].coordinator.ensure(ensureRequest({ operatorId, consumer, service }), never);
        }),
      );
      expect(new Set(answers.map((answer) => answer.ownerOperator)).size).toBe(1);
      expect(answers.map((answer) => answer.specConflicts).sort()).toEqual([[], ['comment']]);

      bench.api.setFaults({ latencyMs: [0, 30], lostUpdateRate: 0.2, lateErrorRate: 0.1 });
      await Promise.all(
        operators.flatMap((operatorId) =>
          ['a', 'b'].map((name) => {
            const consumer = `TailscaleServices/default/${name}`;
            return insist('detach', () =>
              seats[operatorId].coordinator.detach(detachRequest({ operatorId, consumer }), never),
            );
          }),
        ),
      );
      bench.api.setFaults({});
      await until('the service is gone', () => bench.api.state.service('svc:web') === undefined);
      expect(bench.api.state.service('svc:theirs')).toEqual(foreign);
    },
  );
});
