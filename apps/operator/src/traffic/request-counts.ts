import type { TrafficReport } from '@tsgateway/protos/tsgateway/v1alpha1/traffic';

/** Processes whose last totals are kept; far more than run at once. */
const MAX_BOOTS = 256;

type Counts = Readonly<Record<string, number>>;

/**
 * Requests by service and group, over all extension servers and their restarts: what the status said when this leader
 * began, and what the servers counted since. What was counted between the last status of the leader before and the
 * first report to this one is not known, and left out.
 */
export class RequestCounts {
  /** Totals as last reported, by boot id, then service and group. */
  readonly #totals = new Map<string, Map<string, bigint>>();
  readonly #since = new Map<string, Map<string, bigint>>();
  readonly #base = new Map<string, Counts>();
  readonly #unwritten = new Set<string>();
  readonly #due = new Set<string>();

  /** @param running the process may have counted before this leader began: its first totals are where counting starts. */
  apply(report: Pick<TrafficReport, 'bootId' | 'groups'>, running: boolean): void {
    const known = this.#totals.get(report.bootId);
    const totals = known ?? new Map<string, bigint>();
    // Newest last, so that the oldest are forgotten.
    this.#totals.delete(report.bootId);
    this.#totals.set(report.bootId, totals);
    for (const oldest of this.#totals.keys()) {
      if (this.#totals.size <= MAX_BOOTS) break;
      this.#totals.delete(oldest);
    }
    for (const { service, group, issued } of report.groups) {
      const id = `${service} ${group}`;
      const before = totals.get(id) ?? (known === undefined && running ? issued : 0n);
      totals.set(id, issued);
      if (issued > before) this.#add(service, group, issued - before);
    }
  }

  /** What the status shall say of these groups. `previous`: what it says; taken for where counting began, once. */
  of(service: string, { groups, previous = {} }: { groups: readonly string[]; previous?: Counts | undefined }): Counts {
    const base = this.#base.get(service) ?? previous;
    this.#base.set(service, base);
    const since = this.#since.get(service);
    return Object.fromEntries(
      groups.flatMap((group) => {
        const count = (Object.hasOwn(base, group) ? (base[group] ?? 0) : 0) + Number(since?.get(group) ?? 0n);
        return count === 0 ? [] : [[group, count]];
      }),
    );
  }

  /** Marks what was counted and not written yet as due, and tells of it. */
  makeDue(): string[] {
    for (const service of this.#unwritten) this.#due.add(service);
    return [...this.#due];
  }

  isDue(service: string): boolean {
    return this.#due.has(service);
  }

  /** The status has, or is about to have, what `of` said. */
  written(service: string): void {
    this.#due.delete(service);
    this.#unwritten.delete(service);
  }

  /** The service is gone. */
  forget(service: string): void {
    this.written(service);
    this.#since.delete(service);
    this.#base.delete(service);
  }

  #add(service: string, group: string, count: bigint): void {
    const groups = this.#since.get(service) ?? new Map<string, bigint>();
    this.#since.set(service, groups);
    groups.set(group, (groups.get(group) ?? 0n) + count);
    this.#unwritten.add(service);
  }
}
