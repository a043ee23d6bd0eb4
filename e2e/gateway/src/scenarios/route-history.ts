import type { Rule } from './route-edits.ts';

/** How one request was answered. Times are of `performance.now()`. */
export interface Answer {
  readonly path: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** `200`, or an error's code. */
  readonly status: string;
  readonly backend: string;
  /** Of the route by which Envoy sent it, as the route itself says; undefined where no rule matched. */
  readonly version: number | undefined;
}

interface Version {
  readonly rules: readonly Rule[];
  /** When it was written: between these. */
  readonly fromMs: number;
  supersededMs: number;
}

/** Every version that a route had, and what answers that follow from it. */
export class RouteHistory {
  readonly #versions: Version[] = [];

  /** @returns the number of the newest version */
  get newest(): number {
    return this.#versions.length - 1;
  }

  /** The rules of the newest version. */
  get rules(): readonly Rule[] {
    return this.#versions.at(-1)?.rules ?? [];
  }

  /** Before a version is written: it may be in force from now on. @returns its number, from 0 */
  begin(rules: readonly Rule[], nowMs: number): number {
    return this.#versions.push({ rules, fromMs: nowMs, supersededMs: Infinity }) - 1;
  }

  /** After it was written: the version before is out of date. */
  written(nowMs: number): void {
    const before = this.#versions.at(-2);
    if (before) before.supersededMs = nowMs;
  }

  /** How long the version that answered was out of date when the request began; 0: it was not. */
  stalenessOf({ version, startedAt }: Answer): number {
    const found = version === undefined ? undefined : this.#versions[version];
    return Math.max(0, startedAt - (found?.supersededMs ?? Infinity));
  }

  /**
   * Why an answer is wrong; undefined: it is right. The version that answered names itself, so a 200 is held against that
   * one alone, and not against all that were in force since some bound; a 404, which names none, against those.
   */
  objection(answer: Answer, boundMs: number): string | undefined {
    const { path, status, backend, version, startedAt, endedAt } = answer;
    if (status === '404') {
      const without = this.#versions.some(
        ({ rules, fromMs, supersededMs }) =>
          fromMs <= endedAt && supersededMs >= startedAt - boundMs && rules.every((rule) => rule.path !== path),
      );
      return without ? undefined : `404 for ${path}, which every version since had`;
    }
    if (status !== '200') return undefined; // somebody counts these
    const found = version === undefined ? undefined : this.#versions[version];
    if (!found || found.fromMs > endedAt) return `${path} by a version that was not written: ${String(version)}`;
    const shares = found.rules.find((rule) => rule.path === path)?.shares ?? [];
    if (shares.some(({ service, weight }) => service === backend && weight > 0)) return undefined;
    return `${path} answered by ${backend}, while version ${String(version)} names ${shares.map((s) => s.service).join() || 'nobody'}`;
  }
}
