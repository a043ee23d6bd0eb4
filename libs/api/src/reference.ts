import { z } from 'zod';

import { dnsLabel, dnsSubdomain, groupName, kindName, nonEmptyText } from './text.ts';

const name = nonEmptyText(253).describe('Name of the object.');
const namespace = dnsLabel.describe("Namespace of the object. This object's own unless set.").optional();
const sectionName = dnsSubdomain.describe('A part of the object, such as a listener of a Gateway.').optional();

/** A reference to an object of any kind. */
export const reference = z.object({
  group: groupName.describe('API group of the object.'),
  kind: kindName.describe('Kind of the object.'),
  name,
  namespace,
  sectionName,
});

/** A reference to a Secret, as Gateway API writes it. */
export const secretReference = z.object({
  group: groupName.describe('API group of the object. Empty is the core group.').default(''),
  kind: kindName.describe('Kind of the object.').default('Secret'),
  name,
  namespace,
});

/** Fields of a reference to a backend. */
export const backendReferenceFields = {
  group: groupName.describe('API group of the backend. Empty is the core group.').default(''),
  kind: kindName.describe('Kind of the backend, such as TailscaleServices or Service.').default('Service'),
  name,
  namespace,
};
