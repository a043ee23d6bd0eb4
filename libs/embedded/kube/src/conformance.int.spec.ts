import { describe, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { apiSuite } from './conformance.ts';
import { startKubeApi } from './start-kube-api.ts';

describe.each([{ tls: false }, { tls: true }])('the embedded API, tls $tls', ({ tls }) => {
  apiSuite(
    async () => {
      const { url, ca, token, close } = await startKubeApi({ tls });
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return { url, headers, close, ...(ca === undefined ? {} : { ca }) };
    },
    { controllers: true },
  );
});

// A real server: KUBE_API_URL, KUBE_API_TOKEN, KUBE_API_CA (a file), KUBE_API_CONTROLLERS=true beside a controller
// manager, KUBE_API_WATCH_LIST=false over an etcd before 3.5.
const { KUBE_API_URL: url, KUBE_API_TOKEN: token, KUBE_API_CA: ca } = process.env;

describe('a real API server', () => {
  if (url === undefined) {
    it.skip('KUBE_API_URL is not set', () => undefined);
    return;
  }
  apiSuite(
    async () => ({
      url,
      ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
      ...(ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') }),
    }),
    {
      controllers: process.env['KUBE_API_CONTROLLERS'] === 'true',
      watchList: process.env['KUBE_API_WATCH_LIST'] !== 'false',
    },
  );
});
