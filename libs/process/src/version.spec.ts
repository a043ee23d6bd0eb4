import { readFileSync } from 'node:fs';

import { expect, it } from '@jest/globals';

import { version } from './index.ts';

it("is the project's", () => {
  const root = new URL('../../../package.json', import.meta.url);
  expect(version).toBe(`v${(JSON.parse(readFileSync(root, 'utf8')) as { version: string }).version}`);
});
