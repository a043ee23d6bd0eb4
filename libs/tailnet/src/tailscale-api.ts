import type { z } from 'zod';
import { AccessTokenCache, type AccessToken } from './access-token.ts';
import { CallGate } from './call-gate.ts';
import { systemClock, type Clock } from './clock.ts';
import { HttpCaller, type CallEvent, type Exchange } from './http-caller.ts';
import type {
  AuthKey,
  AuthKeyRequest,
  ServiceHost,
  TailnetApi,
  TailnetDescription,
  VipService,
  VipServices,
} from './tailnet-api.ts';
import { TailnetError } from './tailnet-error.ts';
import {
  authKeyWire,
  deviceListWire,
  hostsWire,
  magicDnsSuffix,
  tokenWire,
  vipServiceListWire,
  vipServiceWire,
} from './wire.ts';

export interface TailscaleApiOptions {
  /** "https://api.tailscale.com". */
  url: string;
  /** Organization; empty or "-" is the credentials' own. */
  tailnet: string;
  clientId: string;
  clientSecret: string;
  /** Calls per second and at once; the API's own limits are not published. */
  rate?: number;
  burst?: number;
  /** Of one attempt, and of a call with all its attempts, in ms. */
  attemptTimeoutMs?: number;
  deadlineMs?: number;
  onCall?: (event: CallEvent) => void;
  clock?: Clock;
  /** In [0, 1): jitter. */
  random?: () => number;
}

const MAX_ATTEMPTS = 4;
const BACKOFF_BASE_MS = 200;
const BACKOFF_MAX_MS = 5000;

type Call = Pick<Exchange, 'operation' | 'method' | 'path' | 'body'>;

/** The control API of Tailscale, with an OAuth client's credentials. */
export class TailscaleApi implements TailnetApi {
  readonly vipServices: VipServices;
  private readonly http: HttpCaller;
  private readonly tokens: AccessTokenCache;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly deadlineMs: number;
  private readonly root: string;
  private liveToken = '';

  constructor(options: TailscaleApiOptions) {
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    this.deadlineMs = options.deadlineMs ?? 20_000;
    this.root = `/api/v2/tailnet/${encodeURIComponent(options.tailnet === '' ? '-' : options.tailnet)}`;
    this.http = new HttpCaller({
      url: options.url,
      gate: new CallGate({ rate: options.rate ?? 10, burst: options.burst ?? 20, clock: this.clock }),
      clock: this.clock,
      attemptTimeoutMs: options.attemptTimeoutMs ?? 8000,
      secrets: () => [options.clientSecret, this.liveToken],
      onCall: options.onCall ?? (() => undefined),
    });
    this.tokens = new AccessTokenCache(() => this.fetchToken(options), this.clock);
    this.vipServices = this.services();
  }

  async describe(signal?: AbortSignal): Promise<TailnetDescription> {
    const { devices } = await this.read(
      { operation: 'list devices', method: 'GET', path: `${this.root}/devices` },
      { schema: deviceListWire(this.clock.now()), signal },
    );
    const token = await this.tokens.get();
    return {
      magicDnsSuffix: magicDnsSuffix(devices),
      devices,
      scopes: token.scopes,
      credentialExpiresAtMs: token.expiresAtMs,
    };
  }

  async deleteDevice(id: string, signal?: AbortSignal): Promise<boolean> {
    const path = `/api/v2/device/${encodeURIComponent(id)}`;
    return this.found(this.call({ operation: 'delete device', method: 'DELETE', path }, signal));
  }

  async createAuthKey(request: AuthKeyRequest, signal?: AbortSignal): Promise<AuthKey> {
    const { tags, ephemeral, reusable, preauthorized, expirySeconds, description } = request;
    const create = { reusable, ephemeral, preauthorized, tags };
    return this.read(
      {
        operation: 'create auth key',
        method: 'POST',
        path: `${this.root}/keys`,
        body: json({ capabilities: { devices: { create } }, expirySeconds, description }),
      },
      { schema: authKeyWire, signal },
    );
  }

  async close(): Promise<void> {
    await this.http.close();
  }

  private services(): VipServices {
    const pathOf = (name: string): string => `${this.root}/vip-services/${encodeURIComponent(name)}`;
    const hostsOf = (name: string): string => `${this.root}/services/${encodeURIComponent(name)}`;
    return {
      get: async (name, signal): Promise<VipService | undefined> => {
        try {
          return await this.read(
            { operation: 'get service', method: 'GET', path: pathOf(name) },
            { schema: vipServiceWire, signal },
          );
        } catch (error) {
          if (error instanceof TailnetError && error.code === 'not-found') return undefined;
          throw error;
        }
      },
      list: async (signal): Promise<VipService[]> => {
        const call: Call = { operation: 'list services', method: 'GET', path: `${this.root}/vip-services` };
        return (await this.read(call, { schema: vipServiceListWire, signal })).vipServices;
      },
      put: async (service, signal): Promise<void> => {
        const path = pathOf(service.name);
        await this.call({ operation: 'put service', method: 'PUT', path, body: json(service) }, signal);
      },
      delete: (name, signal) =>
        this.found(this.call({ operation: 'delete service', method: 'DELETE', path: pathOf(name) }, signal)),
      hosts: async (name, signal): Promise<ServiceHost[]> => {
        const call: Call = { operation: 'list hosts', method: 'GET', path: `${hostsOf(name)}/devices` };
        return (await this.read(call, { schema: hostsWire, signal })).hosts;
      },
      approveHost: async ({ service, nodeId }, signal): Promise<void> => {
        const path = `${hostsOf(service)}/device/${encodeURIComponent(nodeId)}/approved`;
        await this.call({ operation: 'approve host', method: 'POST', path, body: json({ approved: true }) }, signal);
      },
    };
  }

  private async read<S extends z.ZodType>(
    call: Call,
    { schema, signal }: { schema: S; signal: AbortSignal | undefined },
  ): Promise<z.output<S>> {
    const parsed = schema.safeParse(await this.call(call, signal));
    if (parsed.success) return parsed.data;
    const where = parsed.error.issues[0]?.path.join('.') ?? '';
    throw new TailnetError('malformed', `${call.operation}: the answer's field "${where}" is not as documented`);
  }

  private async found(call: Promise<unknown>): Promise<boolean> {
    try {
      await call;
      return true;
    } catch (error) {
      if (error instanceof TailnetError && error.code === 'not-found') return false;
      throw error;
    }
  }

  /** A call with its retries: reads always, writes only where the API surely did not act. */
  private async call(call: Call, signal: AbortSignal | undefined): Promise<unknown> {
    const deadline = this.clock.now() + this.deadlineMs;
    let renewed = false;
    for (let attempt = 1; ; attempt++) {
      let token: AccessToken | undefined;
      try {
        token = await unlessAborted(this.tokens.get(), signal);
        this.liveToken = token.value;
        return await this.http.exchange({ ...call, token, deadline, signal });
      } catch (error) {
        if (!(error instanceof TailnetError)) throw error;
        // A token can be revoked before its time: one fresh one decides.
        const revoked: boolean = error.code === 'unauthorized' && token !== undefined && !renewed;
        if (revoked && token) this.tokens.drop(token);
        renewed ||= revoked;
        const repeatable = call.method === 'GET' || error.refused || token === undefined;
        const again: boolean = revoked || (error.retryable && repeatable);
        if (!again || attempt >= MAX_ATTEMPTS || !(await this.backOff({ attempt, error, deadline, signal }))) {
          throw error;
        }
      }
    }
  }

  /** False where the deadline comes first. After a 429 the gate does the waiting. */
  private async backOff(at: {
    attempt: number;
    error: TailnetError;
    deadline: number;
    signal: AbortSignal | undefined;
  }): Promise<boolean> {
    if (at.error.code === 'rate-limited') return this.clock.now() + (at.error.retryAfterMs ?? 0) < at.deadline;
    if (!at.error.retryable) return true;
    const ms = this.random() * Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** at.attempt);
    if (this.clock.now() + ms >= at.deadline) return false;
    return this.clock.sleep(ms, at.signal).then(
      () => true,
      () => false,
    );
  }

  private async fetchToken(options: TailscaleApiOptions): Promise<AccessToken> {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: options.clientId,
      client_secret: options.clientSecret,
    });
    let answer: unknown;
    try {
      answer = await this.http.exchange({
        operation: 'get token',
        method: 'POST',
        path: '/api/v2/oauth/token',
        body: { type: 'form', text: form.toString() },
        deadline: this.clock.now() + this.deadlineMs,
      });
    } catch (error) {
      // RFC 6749 answers a wrong client with 400 or 401.
      if (error instanceof TailnetError && (error.code === 'bad-request' || error.code === 'forbidden')) {
        throw new TailnetError('unauthorized', error.message, { status: error.status, refused: true });
      }
      throw error;
    }
    const parsed = tokenWire.safeParse(answer);
    if (!parsed.success) throw new TailnetError('malformed', 'get token: the answer holds no access token');
    const { access_token, expires_in, scope } = parsed.data;
    return {
      value: access_token,
      expiresAtMs: this.clock.now() + expires_in * 1000,
      scopes: scope.split(/[\s,]+/).filter((item) => item !== ''),
    };
  }
}

/** Waits for what others wait for as well: who gives up leaves it running for them. */
async function unlessAborted<T>(shared: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return shared;
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(new TailnetError('aborted', 'get token: the caller gave up'));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([shared, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function json(value: unknown): { type: 'json'; text: string } {
  return { type: 'json', text: JSON.stringify(value) };
}
