import { describe } from '@jest/globals';
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
