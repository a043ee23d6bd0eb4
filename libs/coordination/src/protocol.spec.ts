import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decideDetach } from './detach.ts';
import { decideEnsure, type Membership } from './ensure.ts';
import { isActive } from './entry.ts';
import { readRegistry } from './registry.ts';
import type { ServiceRecord } from './service-record.ts';
import { operators, T0 } from './testing/arbitraries.ts';

/**
 * The protocol against an API without compare-and-swap: several operators read, and write what they decided on that
 * reading at any later time, over whatever is there then; any write may be dropped. Once that stops, a few verify
 * rounds must bring back everyone.
 */
class World {
  service: ServiceRecord | undefined;
  now = T0;
  private readonly wants = new Map<string, boolean>();
  private readonly memory = new Map<string, Membership>();
  private readonly pending = new Map<string, () => void>();

  want(operatorId: string, wanted: boolean): void {
    this.wants.set(operatorId, wanted);
  }

  /** Reads and decides now; the write is held back until `write`. */
  read(operatorId: string): void {
    const put = (record: ServiceRecord): void => {
      this.service = { ...record, addrs: this.service?.addrs ?? record.addrs ?? ['100.64.0.9'] };
    };
    if (this.wants.get(operatorId) === true) {
      const { write, result } = decideEnsure(this.service, this.ask(operatorId), this.now);
      if (result.kind === 'joined') this.memory.set(operatorId, result.membership);
      if (write === undefined) this.pending.delete(operatorId);
      else this.pending.set(operatorId, () => put(write));
      return;
    }
    this.memory.delete(operatorId);
    const decision = decideDetach(this.service, { ...this.ask(operatorId), settleMs: 10 }, this.now);
    this.pending.delete(operatorId);
    if (decision.kind === 'write') this.pending.set(operatorId, () => put(decision.record));
    if (decision.kind === 'delete') this.pending.set(operatorId, () => (this.service = undefined));
  }

  write(operatorId: string, lost: boolean): void {
    if (!lost) this.pending.get(operatorId)?.();
    this.pending.delete(operatorId);
  }

  /** Every operator in turn, undisturbed, as verifying does. */
  settle(rounds: number): void {
    for (const operatorId of operators) this.write(operatorId, false);
    for (let round = 0; round < rounds; round++) {
      this.now += 20;
      for (const operatorId of this.wants.keys()) {
        this.read(operatorId);
        this.write(operatorId, false);
      }
    }
  }

  users(): string[] {
    return [...this.wants].filter(([, wanted]) => wanted).map(([operator]) => operator);
  }

  private ask(operatorId: string) {
    return {
      name: 'svc:web',
      operatorId,
      consumer: 'TailscaleServices/default/web',
      spec: { ports: [`tcp:${1000 + operators.indexOf(operatorId)}`], tags: [], comment: '', annotations: {} },
      attachOnly: false,
      remembered: this.memory.get(operatorId),
    };
  }
}

const step = fc.oneof(
  fc.record({ op: fc.constant('want' as const), id: fc.constantFrom(...operators), yes: fc.boolean() }),
  fc.record({ op: fc.constant('read' as const), id: fc.constantFrom(...operators) }),
  fc.record({ op: fc.constant('write' as const), id: fc.constantFrom(...operators), lost: fc.boolean() }),
  fc.record({ op: fc.constant('tick' as const), ms: fc.integer({ min: 1, max: 30 }) }),
);

describe('the protocol under any interleaving and any lost write', () => {
  it('ends with exactly those who want the service, one owner, and the spec of that owner', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const world = new World();
        for (const s of steps) {
          if (s.op === 'want') world.want(s.id, s.yes);
          if (s.op === 'read') world.read(s.id);
          if (s.op === 'write') world.write(s.id, s.lost);
          if (s.op === 'tick') world.now += s.ms;
        }
        world.settle(6);

        const users = world.users();
        if (users.length === 0) {
          expect(world.service).toBeUndefined();
          return;
        }
        const registry = readRegistry(world.service?.annotations);
        expect(
          [...registry.entries]
            .filter(([, e]) => isActive(e))
            .map(([o]) => o)
            .sort(),
        ).toEqual(users.sort());
        expect(users).toContain(registry.owner);
        expect(world.service?.ports).toEqual([`tcp:${1000 + operators.indexOf(registry.owner ?? '')}`]);
      }),
      { numRuns: 3000 },
    );
  });
});
