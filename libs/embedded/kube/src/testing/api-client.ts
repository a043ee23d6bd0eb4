import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** Where an API server is and how to get in. */
export interface ApiConnection {
  url: string;
  headers?: Record<string, string | undefined>;
  /** PEM of the authority that signed the server's certificate. */
  ca?: string;
  /** PEM of a client certificate and its key. */
  cert?: string;
  key?: string;
  /** Called when the tests are done. */
  close?: () => Promise<void>;
}

// Tests read freely into what a server answers.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Answer = any;

export interface ApiResponse {
  status: number;
  headers: IncomingMessage['headers'];
  body: Answer;
}

export interface WatchEvent {
  type: string;
  object: Answer;
}

const mediaTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

const deadlineMs = 15_000;

/** A plain HTTP client: it hides nothing of what the server answers. */
export class ApiClient {
  private readonly connection: ApiConnection;

  constructor(connection: ApiConnection) {
    this.connection = connection;
  }

  get(path: string, accept = 'application/json'): Promise<ApiResponse> {
    return this.send('GET', path, { accept });
  }

  post(path: string, body: unknown): Promise<ApiResponse> {
    return this.send('POST', path, { body });
  }

  put(path: string, body: unknown): Promise<ApiResponse> {
    return this.send('PUT', path, { body });
  }

  patch(path: string, type: keyof typeof mediaTypes, body: unknown): Promise<ApiResponse> {
    return this.send('PATCH', path, { body, contentType: mediaTypes[type] });
  }

  apply(path: string, manager: string, body: unknown): Promise<ApiResponse> {
    return this.patch(`${path}${path.includes('?') ? '&' : '?'}fieldManager=${manager}`, 'apply', body);
  }

  delete(path: string, body?: unknown): Promise<ApiResponse> {
    return this.send('DELETE', path, { body });
  }

  send(
    method: string,
    path: string,
    of: { body?: unknown; contentType?: string; accept?: string; headers?: Record<string, string> } = {},
  ): Promise<ApiResponse> {
    return new Promise((resolve, reject) => {
      const text =
        of.body === undefined || typeof of.body === 'string' || Buffer.isBuffer(of.body)
          ? of.body
          : JSON.stringify(of.body);
      const request = this.open(method, path, {
        accept: of.accept ?? 'application/json',
        ...(text === undefined
          ? {}
          : {
              'content-type': of.contentType ?? 'application/json',
              'content-length': String(Buffer.byteLength(text)),
            }),
        ...of.headers,
      });
      request.setTimeout(deadlineMs, () =>
        request.destroy(new Error(`${method} ${path}: no answer in ${deadlineMs} ms`)),
      );
      request.on('error', reject);
      request.on('response', (response: IncomingMessage) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: parsed(Buffer.concat(chunks).toString()),
          });
        });
      });
      request.end(text);
    });
  }

  /** Opens a watch; `next` waits for an event, `until` for one that fits. */
  async watch(path: string, accept = 'application/json'): Promise<Watch> {
    const request = this.open('GET', `${path}${path.includes('?') ? '&' : '?'}watch=true`, { accept });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.on('response', resolve);
      request.on('error', reject);
      request.end();
    });
    return new Watch(request, response);
  }

  private open(method: string, path: string, headers: Record<string, string>): ClientRequest {
    const { url, ca, cert, key } = this.connection;
    const all = { 'user-agent': 'api-suite/1.0', ...this.connection.headers, ...headers };
    if (url.startsWith('https:')) {
      return httpsRequest(url + path, { method, headers: all, agent: false, ca, cert, key });
    }
    return httpRequest(url + path, { method, headers: all, agent: false });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** An open watch. Close it. */
export class Watch {
  readonly status: number;
  readonly events: WatchEvent[] = [];
  private readonly request: ClientRequest;
  private readonly waiting = new Set<() => void>();
  private ended = false;

  constructor(request: ClientRequest, response: IncomingMessage) {
    this.request = request;
    this.status = response.statusCode ?? 0;
    let rest = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') this.events.push(JSON.parse(line) as WatchEvent);
      for (const wake of this.waiting) wake();
    });
    const end = (): void => {
      this.ended = true;
      for (const wake of this.waiting) wake();
    };
    response.on('close', end);
    request.on('error', end);
  }

  close(): void {
    this.request.destroy();
  }

  /** The first event that fits, also of those that came before. Throws after a deadline. */
  async until(fits: (event: WatchEvent) => boolean): Promise<WatchEvent> {
    await this.wait(() => this.events.some(fits), 'event');
    const found = this.events.find(fits);
    if (found === undefined) throw new Error(`the watch ended; it saw ${this.events.map((e) => e.type).join(', ')}`);
    return found;
  }

  /** Resolves when the server has ended the watch. */
  async end(): Promise<void> {
    await this.wait(() => this.ended, 'end');
  }

  private async wait(done: () => boolean, what: string): Promise<void> {
    if (done() || this.ended) return;
    await new Promise<void>((resolve, reject) => {
      const wake = (): void => {
        if (!done() && !this.ended) return;
        clearTimeout(timer);
        this.waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.delete(wake);
        reject(new Error(`no ${what} in ${deadlineMs} ms; saw ${this.events.map((e) => e.type).join(', ')}`));
      }, deadlineMs);
      this.waiting.add(wake);
    });
  }
}
