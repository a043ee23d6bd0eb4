import { z } from 'zod';

import { listOf } from './collection.ts';
import { conditions } from './condition.ts';
import { ageColumn, defineKind } from './kind.ts';
import type { ResourceInputOf, ResourceOf } from './kind.ts';
import { integer } from './number.ts';
import { dnsLabel, dnsSubdomain, tag, text, timestamp } from './text.ts';

const spec = z.object({
  tailnet: text(253)
    .describe('Name of the tailnet, such as example.com. Empty or "-": the one that the credential belongs to.')
    .optional(),
  oauthSecretName: dnsSubdomain.describe('Secret with the OAuth client: keys client_id and client_secret.'),
  oauthSecretNamespace: dnsLabel.describe("Namespace of the Secret. The operator's own unless set.").optional(),
  tags: listOf(tag, { max: 64 }).describe('Tags of every device that is created in the tailnet.').optional(),
});

const tailnetInfo = z.object({
  name: text(253).describe('Name of the tailnet.'),
  organization: text(253).describe('Organization that the tailnet belongs to.').optional(),
  tailnetID: text(253).describe('Id of the tailnet in its control plane.').optional(),
  magicDNSSuffix: text(253).describe('Suffix of the DNS names of its devices.').optional(),
  createdAt: timestamp.describe('When the tailnet was created.').optional(),
  lastUpdated: timestamp.describe('When this information last changed.').optional(),
});

const credentialStatus = z.object({
  valid: z.boolean().describe('Whether the control plane accepts the credential.'),
  expiresAt: timestamp.describe('When the credential expires.').optional(),
  lastRefresh: timestamp.describe('When a changed credential was last taken over.').optional(),
  lastValidated: timestamp.describe('When the verdict last changed.').optional(),
  scopes: listOf(text(253), { max: 64 }).describe('What the credential may do.').optional(),
  secretVersion: text(253).describe('resourceVersion of the Secret that was read.').optional(),
});

const status = z.object({
  conditions,
  tailnetInfo: tailnetInfo.describe('What the control plane says about the tailnet.').optional(),
  credentialStatus: credentialStatus.describe('State of the credential.').optional(),
  deviceCount: integer().describe('Devices in the tailnet.').optional(),
  connectedDevices: integer().describe('Devices that are online.').optional(),
  lastSyncTime: timestamp.describe('When what is written here last changed.').optional(),
});

export const tailscaleTailnet = defineKind({
  kind: 'TailscaleTailnet',
  plural: 'tailscaletailnets',
  singular: 'tailscaletailnet',
  shortNames: ['tstn'],
  namespaced: false,
  description: 'A tailnet, and the credential with which it is managed.',
  spec,
  status,
  columns: [
    { name: 'Status', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
    { name: 'Tailnet', type: 'string', jsonPath: '.status.tailnetInfo.name' },
    { name: 'Organization', type: 'string', jsonPath: '.status.tailnetInfo.organization' },
    ageColumn,
  ],
});

export type TailscaleTailnet = ResourceOf<typeof tailscaleTailnet>;
export type TailscaleTailnetInput = ResourceInputOf<typeof tailscaleTailnet>;
