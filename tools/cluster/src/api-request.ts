import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { KeyPair } from './pki.ts';

export interface ApiRequest {
  /** PEM; with https. */
  readonly ca?: string | undefined;
  readonly client?: KeyPair;
  /** Sent as JSON, by POST. */
  readonly body?: object | undefined;
}

const deadlineMs = 5000;

/** One request on a connection of its own. @throws Error when nothing answers within 5 s */
export function apiRequest(url: string, options: ApiRequest = {}): Promise<{ status: number; text: string }> {
  const { ca, client, body } = options;
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https:') ? httpsRequest : httpRequest)(
      url,
      {
        method: body === undefined ? 'GET' : 'POST',
        agent: false,
        signal: AbortSignal.timeout(deadlineMs),
        ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' } }),
        ...(ca === undefined ? {} : { ca }),
        ...client,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
