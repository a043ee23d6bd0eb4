import { z } from 'zod';

import { portNumber } from './number.ts';
import { dnsLabel } from './text.ts';

const port = portNumber.describe('Port that clients connect to.');
const protocol = z.enum(['TCP', 'UDP']).describe('Transport protocol.').default('TCP');

/** A port of a proxy. */
export const proxyPort = z.object({
  port,
  targetPort: portNumber.describe('Port behind the proxy. The same as `port` unless set.').optional(),
  protocol,
  name: dnsLabel.describe('Name of the port.').optional(),
});

/** A port in a template of proxies. */
export const templatePort = z.object({ port, protocol });

/** What a backend speaks: decides how it is called and how it is probed. */
export const backendProtocol = z.enum(['HTTP', 'HTTPS', 'TCP', 'UDP']);
