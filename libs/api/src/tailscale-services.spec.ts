import { expect, it } from '@jest/globals';

import { autoProvisionedName } from './tailscale-services.ts';

it.each([
  [undefined, 'web-auto'],
  ['generated', 'web-generated'],
  ['-generated', 'web-generated'],
])('names what is made from the template (suffix %s)', (nameSuffix, expected) => {
  const endpointTemplate = { tailnet: 'production', nameSuffix };
  expect(autoProvisionedName({ metadata: { name: 'web' }, spec: { selector: {}, endpointTemplate } })).toBe(expected);
});
