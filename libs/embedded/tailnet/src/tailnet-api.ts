import { setTimeout as delay } from 'node:timers/promises';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { z } from 'zod';
import { faultsSchema, type Faults, type FaultsInput } from './faults.ts';
import { allows, OAuth, type OAuthClient } from './oauth.ts';
import { seededRandom } from './random.ts';
import { TailnetFullError, TailnetState, type StoredDevice } from './tailnet-state.ts';

export interface TailnetApiOptions {
  /** 0, the default, takes any free one. */
  port?: number;
  host?: string;
  /** The tailnet's name, which is its MagicDNS suffix too. */
  tailnet?: string;
  clients: OAuthClient[];
  faults?: FaultsInput;
  /** Of the faults' randomness. */
  seed?: number;
  /** Life of an access token; an hour as in the real one. */
  tokenTtlSeconds?: number;
}

export interface RunningTailnetApi {
  url: string;
  state: TailnetState;
  /** Replaces the faults: those not named are off. */
  setFaults(faults: FaultsInput): void;
  /** Access tokens issued so far. */
  tokensIssued(): number;
  revokeTokens(): void;
  /** Calls so far, by method and route: "PUT vip-services". */
  calls(): ReadonlyMap<string, number>;
  close(): Promise<void>;
}

const SERVICE_NAME = /^svc:[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

const serviceBody = z.looseObject({
  name: z.string().optional(),
  addrs: z.array(z.string()).nullish(),
  comment: z.string().max(1024).optional(),
  ports: z.array(z.union([z.literal('do-not-validate'), z.string().regex(/^tcp:\d{1,5}$/)])).nullish(),
  tags: z.array(z.string().regex(/^tag:[a-zA-Z][a-zA-Z0-9-]*$/)).nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
});
const keyBody = z.object({
  capabilities: z.object({ devices: z.object({ create: z.looseObject({ tags: z.array(z.string()).default([]) }) }) }),
});
const deviceBody = z.strictObject({
  hostname: z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
  tags: z.array(z.string()).optional(),
  connected: z.boolean().optional(),
});

/** An error as the control API words it. */
class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Starts a tailnet control API on a real socket: the documented paths of Tailscale, and `/faults`, `/state` and
 * `/devices` without authentication for whoever runs it. Throws when the port is in use.
 */
export async function startTailnetApi(options: TailnetApiOptions): Promise<RunningTailnetApi> {
  const server = new TailnetApiServer(options);
  const url = await server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
  return {
    url,
    state: server.state,
    setFaults: (faults) => server.setFaults(faults),
    tokensIssued: () => server.oauth.issued,
    revokeTokens: () => server.oauth.revokeAll(),
    calls: () => server.calls,
    close: () => server.close(),
  };
}

class TailnetApiServer {
  readonly state = new TailnetState();
  readonly calls = new Map<string, number>();
  readonly oauth: OAuth;
  private readonly app: FastifyInstance;
  private readonly tailnet: string;
  private readonly random: () => number;
  private readonly stop = new AbortController();
  private faults: Faults;

  constructor(options: TailnetApiOptions) {
    this.tailnet = options.tailnet ?? 'example.ts.net';
    this.oauth = new OAuth(options.clients, options.tokenTtlSeconds ?? 3600);
    this.random = seededRandom(options.seed ?? 1);
    this.faults = faultsSchema.parse(options.faults ?? {});
    this.app = fastify({ bodyLimit: 1024 * 1024, forceCloseConnections: true });
    this.app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
      done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    );
    this.app.setErrorHandler((error, _request, reply) => answerError(error, reply));
    this.app.setNotFoundHandler((_request, reply) => reply.code(404).send({ message: 'not found' }));
    this.app.register(async (api) => this.routes(api), { prefix: '/api/v2' });
    this.admin();
  }

  listen(port: number, host: string): Promise<string> {
    return this.app.listen({ port, host });
  }

  setFaults(faults: FaultsInput): void {
    this.faults = faultsSchema.parse(faults);
  }

  async close(): Promise<void> {
    this.stop.abort();
    await this.app.close();
  }

  private routes(api: FastifyInstance): void {
    api.addHook('preHandler', (request, reply) => this.misbehave(request, reply));
    api.post('/oauth/token', (request, reply) => this.token(request, reply));

    api.get('/tailnet/:tailnet/vip-services', (request) => {
      this.authorize(request, 'services');
      return { vipServices: this.state.listServices() };
    });
    api.get('/tailnet/:tailnet/vip-services/:name', (request) => this.getService(request));
    api.put('/tailnet/:tailnet/vip-services/:name', (request) => this.putService(request));
    api.delete('/tailnet/:tailnet/vip-services/:name', (request) => {
      this.authorize(request, 'services');
      if (!this.state.deleteService(param(request, 'name'))) throw new ApiError(404, 'service not found');
      this.failLate();
      return {};
    });
    api.get('/tailnet/:tailnet/services/:name/devices', (request) => {
      this.authorize(request, 'services');
      this.existing(param(request, 'name'));
      return { hosts: this.state.hosts(param(request, 'name')) };
    });
    api.get('/tailnet/:tailnet/services/:name/device/:device/approved', (request) => {
      this.authorize(request, 'services');
      return { approved: this.host(request).approvalLevel !== 'not-approved' };
    });
    api.post('/tailnet/:tailnet/services/:name/device/:device/approved', (request) => {
      this.authorize(request, 'services');
      const { approved } = z.object({ approved: z.boolean() }).parse(request.body);
      this.state.approve(param(request, 'name'), this.host(request).stableNodeID, approved);
      return { approved };
    });

    api.get('/tailnet/:tailnet/devices', (request) => {
      this.authorize(request, 'devices:core');
      return { devices: this.state.listDevices().map((device) => this.deviceAnswer(device)) };
    });
    api.delete('/device/:device', (request) => {
      this.authorize(request, 'devices:core');
      if (!this.state.removeDevice(param(request, 'device'))) throw new ApiError(404, 'device not found');
      return {};
    });
    api.post('/tailnet/:tailnet/keys', (request) => {
      this.authorize(request, 'auth_keys');
      return this.state.createKey(keyBody.parse(request.body).capabilities.devices.create.tags);
    });
  }

  private admin(): void {
    this.app.get('/faults', () => this.faults);
    this.app.put('/faults', (request) => (this.faults = faultsSchema.parse(request.body)));
    this.app.delete('/faults', () => (this.faults = faultsSchema.parse({})));
    this.app.get('/state', () => ({
      tailnet: this.tailnet,
      services: this.state.listServices().map((service) => ({ ...service, hosts: this.state.hosts(service.name) })),
      devices: this.state.listDevices(),
      calls: Object.fromEntries(this.calls),
    }));
    this.app.post('/devices', (request) => this.deviceAnswer(this.state.addDevice(deviceBody.parse(request.body))));
  }

  /** Counts the call, and lets go wrong what is asked for. */
  private async misbehave(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { faults } = this;
    const label = `${request.method} ${labelOf(request.routeOptions.url)}`;
    this.calls.set(label, (this.calls.get(label) ?? 0) + 1);
    if (faults.outage) {
      reply.hijack();
      request.raw.socket.destroy();
      return;
    }
    const [least, most] = Array.isArray(faults.latencyMs) ? faults.latencyMs : [faults.latencyMs, faults.latencyMs];
    const latency = least + this.random() * (most - least);
    if (latency > 0) await delay(latency, undefined, { signal: this.stop.signal });
    if (this.random() < faults.rateLimitRate) {
      reply.header('retry-after', String(faults.retryAfterSeconds));
      throw new ApiError(429, 'rate limit exceeded');
    }
    if (this.random() < faults.errorRate) throw new ApiError(500, 'internal error');
  }

  private failLate(): void {
    if (this.random() < this.faults.lateErrorRate) throw new ApiError(500, 'internal error');
  }

  private token(request: FastifyRequest, reply: FastifyReply) {
    const form = z
      .object({
        client_id: z.string(),
        client_secret: z.string(),
        grant_type: z.literal('client_credentials').optional(),
      })
      .safeParse(request.body);
    const token = form.success ? this.oauth.issue(form.data.client_id, form.data.client_secret) : undefined;
    if (token === undefined) throw new ApiError(401, 'API token invalid');
    return reply.header('cache-control', 'no-store').send(token);
  }

  private getService(request: FastifyRequest) {
    this.authorize(request, 'services');
    const name = param(request, 'name');
    const stale = this.random() < this.faults.staleReadRate;
    const service = stale ? this.state.staleService(name) : this.state.service(name);
    if (!service) throw new ApiError(404, 'service not found');
    return service;
  }

  private putService(request: FastifyRequest) {
    this.authorize(request, 'services');
    const name = param(request, 'name');
    const body = serviceBody.parse(request.body);
    if (!SERVICE_NAME.test(name)) throw new ApiError(400, 'invalid service name');
    if (body.name !== undefined && body.name !== name) throw new ApiError(400, 'name does not match the path');
    if (this.state.listDevices().some((device) => `svc:${device.hostname}` === name)) {
      throw new ApiError(400, 'name exists but is not a service');
    }
    const addrs = body.addrs ?? [];
    const present = this.state.service(name);
    if (present && !present.addrs.every((address) => addrs.includes(address))) {
      throw new ApiError(400, 'addrs must be the present addresses when a service is updated');
    }
    if (!present && (addrs.length > 1 || addrs.some((a) => a.includes(':') || this.state.isTaken(a, name)))) {
      throw new ApiError(400, 'addrs: at most one free IPv4 address can be asked for');
    }
    // As the real one: empty fields are not stored, unknown ones are.
    const fields = Object.fromEntries(
      Object.entries(body).filter(([, value]) => value !== null && value !== undefined),
    );
    if (this.random() < this.faults.lostUpdateRate) return { ...fields, name, addrs };
    const stored = this.state.putService({ ...fields, name, addrs });
    this.failLate();
    return stored;
  }

  private existing(name: string): void {
    if (!this.state.service(name)) throw new ApiError(404, 'service not found');
  }

  private host(request: FastifyRequest) {
    const device = this.state.device(param(request, 'device'));
    const host = this.state.hosts(param(request, 'name')).find((one) => one.stableNodeID === device?.nodeId);
    if (!host) throw new ApiError(404, 'the device is no host of the service');
    return host;
  }

  private deviceAnswer(device: StoredDevice) {
    const { connected, ...rest } = device;
    return {
      ...rest,
      name: `${device.hostname}.${this.tailnet}`,
      authorized: true,
      connectedToControl: connected,
      ...(connected ? {} : { lastSeen: '2025-06-25T10:30:00Z' }),
    };
  }

  private authorize(request: FastifyRequest, scope: string): void {
    const scopes = this.oauth.scopesOf(request.headers.authorization);
    if (!scopes) throw new ApiError(401, 'API token invalid');
    const { tailnet } = request.params as { tailnet?: string };
    if (tailnet !== undefined && tailnet !== '-' && tailnet !== this.tailnet)
      throw new ApiError(404, 'tailnet not found');
    if (!allows(scopes, scope, request.method !== 'GET')) {
      throw new ApiError(403, 'calling actor does not have enough permissions to perform this function');
    }
  }
}

function param(request: FastifyRequest, name: string): string {
  return (request.params as Record<string, string>)[name] ?? '';
}

/** "/api/v2/tailnet/:tailnet/vip-services/:name" -> "vip-services". */
function labelOf(route: string | undefined): string {
  const fixed = (route ?? '').replace('/api/v2', '').replace('/tailnet/:tailnet', '');
  return fixed
    .split('/')
    .filter((part) => part !== '' && !part.startsWith(':'))
    .join(' ');
}

function answerError(error: unknown, reply: FastifyReply): FastifyReply {
  if (error instanceof ApiError) return reply.code(error.status).send({ message: error.message, status: error.status });
  if (error instanceof z.ZodError) {
    const [issue] = error.issues;
    return reply.code(400).send({ message: `${issue?.path.join('.') ?? 'body'}: ${issue?.message ?? 'invalid'}` });
  }
  if (error instanceof TailnetFullError) return reply.code(507).send({ message: error.message });
  const status = (error as { statusCode?: number }).statusCode ?? 500;
  return reply.code(status).send({ message: status < 500 ? (error as Error).message : 'internal error' });
}
