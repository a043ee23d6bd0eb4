import { z } from 'zod';

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const IPV4 = `${OCTET}(\\.${OCTET}){3}`;
/** At least two colons, so that `host:port` is none. The exact form is left to who dials it. */
const IPV6 = '[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*';
const HOST_NAME = '[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?(\\.[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?)*\\.?';
const PORT = '([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])';
const NAME_SEGMENT = '[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?';

/** Any text of a bounded length. */
export const text = (max: number) => z.string().max(max);

/** Any text but the empty one. */
export const nonEmptyText = (max: number) => z.string().min(1).max(max);

export const dnsLabel = z
  .string()
  .max(63)
  .regex(new RegExp(`^${LABEL}$`), 'must be a DNS label: lower-case letters, digits and -');

/** What Kubernetes asks of most names. */
export const dnsSubdomain = z
  .string()
  .max(253)
  .regex(new RegExp(`^${LABEL}(\\.${LABEL})*$`), 'must be a DNS name: lower-case letters, digits, - and .');

/** A tag of the tailnet's policy. */
export const tag = z
  .string()
  .max(64)
  .regex(/^tag:[A-Za-z][-A-Za-z0-9]*$/, 'must be tag:<name>: a letter, then letters, digits and -');

/** Name of a VIP service. */
export const vipServiceName = z
  .string()
  .max(67)
  .regex(new RegExp(`^svc:${LABEL}$`), 'must be svc:<name>, the name being a DNS label');

/** A port of a VIP service: `tcp:80`, or a range, `tcp:8000-8080`. */
export const vipServicePort = z
  .string()
  .max(16)
  .regex(new RegExp(`^(tcp|udp):${PORT}(-${PORT})?$`), 'must be tcp:<port> or udp:<port>, such as tcp:80');

export const ipAddress = z
  .string()
  .max(45)
  .regex(new RegExp(`^(${IPV4}|${IPV6})$`), 'must be an IP address');

/** A DNS name, with or without the dot at its end. */
export const hostName = z
  .string()
  .max(254)
  .regex(new RegExp(`^${HOST_NAME}$`), 'must be a DNS name');

/** A DNS name or an IP address; no scheme, no port. */
export const host = z
  .string()
  .max(254)
  .regex(new RegExp(`^(${HOST_NAME}|${IPV6})$`), 'must be a DNS name or an IP address, without scheme and port');

/** `host:port`, an IPv6 address in brackets. */
export const hostAndPort = z
  .string()
  .max(262)
  .regex(new RegExp(`^(${HOST_NAME}|\\[${IPV6}\\]):${PORT}$`), 'must be host:port, such as db.example.com:5432');

/** The path of an HTTP request. */
export const urlPath = z
  .string()
  .max(1024)
  .regex(/^\/[^\s]*$/, 'must begin with / and hold no spaces');

/** The group of a kind; empty is the core group. */
export const groupName = z
  .string()
  .max(253)
  .regex(new RegExp(`^$|^${LABEL}(\\.${LABEL})*$`), 'must be an API group, such as gateway.networking.k8s.io');

export const kindName = z
  .string()
  .max(63)
  .regex(/^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/, 'must be a kind, such as Gateway');

/** An optional DNS prefix and a name: `example.com/name`. */
export const LABEL_KEY = `^(${LABEL}(\\.${LABEL})*/)?${NAME_SEGMENT}$`;

export const labelValue = z
  .string()
  .max(63)
  .regex(new RegExp(`^(${NAME_SEGMENT})?$`), 'must be a label value: letters, digits, -, _ and . inside');

export const labelKey = z
  .string()
  .max(317)
  .regex(new RegExp(LABEL_KEY), 'must be a label key, such as region or example.com/region');

/** A time as Kubernetes writes it. */
export const timestamp = z.iso.datetime({ offset: true, error: 'must be a time such as 2026-01-31T10:30:00Z' });
