import type { Clock } from './clock.ts';

export interface AccessToken {
  value: string;
  /** ms since 1970. */
  expiresAtMs: number;
  scopes: string[];
}

/**
 * The current access token: fetched once for all who ask at the same time, and again before it ends.
 * A token is renewed when a tenth of its life, at most 5 minutes, is left.
 */
export class AccessTokenCache {
  private readonly fetch: () => Promise<AccessToken>;
  private readonly clock: Clock;
  private token: AccessToken | undefined;
  private renewAt = 0;
  private flight: Promise<AccessToken> | undefined;

  /** `fetch` must bound its own time: all callers wait for it. */
  constructor(fetch: () => Promise<AccessToken>, clock: Clock) {
    this.fetch = fetch;
    this.clock = clock;
  }

  get(): Promise<AccessToken> {
    if (this.token !== undefined && this.clock.now() < this.renewAt) return Promise.resolve(this.token);
    this.flight ??= this.renew().finally(() => (this.flight = undefined));
    return this.flight;
  }

  /** Forgets a token that the API refused; a newer one stays. */
  drop(token: AccessToken): void {
    if (this.token === token) this.token = undefined;
  }

  private async renew(): Promise<AccessToken> {
    const token = await this.fetch();
    const life = token.expiresAtMs - this.clock.now();
    this.token = token;
    this.renewAt = token.expiresAtMs - Math.min(300_000, life / 10);
    return token;
  }
}
