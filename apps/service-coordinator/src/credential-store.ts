import { CoordinatorError } from './coordinator-error.ts';

export interface SecretRef {
  namespace: string;
  name: string;
}

/** A Secret as the Kubernetes API has it: values in base64. */
export interface SecretData {
  resourceVersion: string;
  data: Readonly<Record<string, string>>;
}

/** Reads a Secret; undefined where there is none. */
export type ReadSecret = (ref: SecretRef, signal: AbortSignal) => Promise<SecretData | undefined>;

export interface Credentials {
  clientId: string;
  clientSecret: string;
  /** resourceVersion of the Secret. */
  version: string;
}

const MAX_CACHED = 1000;

/** OAuth credentials out of Secrets, each read at most once per `ttlMs`. Failures are not kept. */
export class CredentialStore {
  private readonly options: { read: ReadSecret; ttlMs: number; now: () => number; timeoutMs: number };
  private readonly cached = new Map<string, { credentials: Promise<Credentials>; until: number }>();

  constructor(options: { read: ReadSecret; ttlMs: number; now: () => number; timeoutMs: number }) {
    this.options = options;
  }

  /** Throws `secret-not-found` or `secret-invalid`, naming the Secret and the key to add, or `unavailable`. */
  get(ref: SecretRef): Promise<Credentials> {
    const { now, ttlMs } = this.options;
    const key = `${ref.namespace}/${ref.name}`;
    const known = this.cached.get(key);
    if (known && now() < known.until) return known.credentials;
    const credentials = this.read(ref);
    const entry = { credentials, until: now() + ttlMs };
    const oldest = this.cached.keys().next().value;
    if (!known && this.cached.size >= MAX_CACHED && oldest !== undefined) this.cached.delete(oldest);
    this.cached.set(key, entry);
    credentials.catch(() => {
      if (this.cached.get(key) === entry) this.cached.delete(key);
    });
    return credentials;
  }

  /** Forgets a Secret that the tailnet refused: a corrected one is then used at once. */
  forget(ref: SecretRef): void {
    this.cached.delete(`${ref.namespace}/${ref.name}`);
  }

  private async read(ref: SecretRef): Promise<Credentials> {
    const { read, timeoutMs } = this.options;
    const where = `Secret ${ref.namespace}/${ref.name}`;
    let secret: SecretData | undefined;
    try {
      // The result is shared, so one caller's patience does not end it.
      secret = await read(ref, AbortSignal.timeout(timeoutMs));
    } catch (cause) {
      throw new CoordinatorError('unavailable', `${where} could not be read`, { cause });
    }
    if (!secret) throw new CoordinatorError('secret-not-found', `${where} does not exist: create it`);
    return {
      clientId: value(secret, where, 'client_id'),
      clientSecret: value(secret, where, 'client_secret'),
      version: secret.resourceVersion,
    };
  }
}

/** Both spellings are documented: "client_id" and "client-id". */
function value(secret: SecretData, where: string, key: string): string {
  const encoded = secret.data[key] ?? secret.data[key.replace('_', '-')] ?? '';
  const decoded = Buffer.from(encoded, 'base64').toString('utf8').trim();
  if (decoded === '') throw new CoordinatorError('secret-invalid', `${where} lacks the key ${key}: add it`);
  return decoded;
}
