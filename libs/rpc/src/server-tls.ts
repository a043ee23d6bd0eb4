import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';

import { experimental } from '@grpc/grpc-js';
import type { ServerCredentials } from '@grpc/grpc-js';
import type { Logger } from '@tsgateway/process';
import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

export interface ServerTlsOptions {
  /** Holds tls.crt, tls.key, and ca.crt where clients must show a certificate of that CA: a mounted Secret. */
  readonly dir: string;
  /** Names the server in logs and metrics. */
  readonly server: string;
  readonly log: Logger;
  readonly metrics: Registry;
  /** How often the files are looked at. 5 s unless told; the kubelet needs up to a minute to bring new ones. */
  readonly everyMs?: number;
}

/** Credentials of a server whose files may change while it runs. */
export interface ServerTls {
  readonly credentials: ServerCredentials;
  /** Stops looking at the files. */
  close(): void;
}

interface Files {
  readonly certificate: Buffer;
  readonly privateKey: Buffer;
  readonly caCertificate: Buffer | undefined;
}

type Provider = experimental.CertificateProvider;
type IdentityListener = Parameters<Provider['addIdentityCertificateListener']>[0];
type CaListener = Parameters<Provider['addCaCertificateListener']>[0];

/**
 * TLS from files that are replaced while the server runs: connections made from then on get the new certificate, those
 * that are open live on. What is found is checked first; a pair that does not fit, or files that are gone, are logged
 * and counted, and the certificate that was there before stays.
 *
 * Whether clients need a certificate is decided once, by whether ca.crt is there.
 * @throws Error that names the folder, if there is no usable pair in it now.
 */
export async function serverTls(options: ServerTlsOptions): Promise<ServerTls> {
  const { dir, server, log } = options;
  const metrics = tlsMetrics(options.metrics);
  const first = await readFiles(dir, undefined).catch((cause: unknown) => {
    throw new Error(`no usable certificate in ${dir}: ${String(cause)}`, { cause });
  });
  const mutual = first.caCertificate !== undefined;
  const files = new CurrentFiles(first);
  let seen = digest(first);
  let problem: string | undefined;
  const describe = ({ certificate }: Files) => {
    const { subject, validTo, serialNumber } = new X509Certificate(certificate);
    metrics.notAfter.set({ server }, Date.parse(validTo) / 1000);
    return { server, subject, validTo, serialNumber, mutual };
  };
  metrics.reloads.inc({ server, result: 'refused' }, 0);
  metrics.reloads.inc({ server, result: 'ok' }, 0);
  log.info(describe(first), 'TLS certificate in use');

  const look = async (): Promise<void> => {
    try {
      const found = await readFiles(dir, mutual);
      problem = undefined;
      if (digest(found) === seen) return;
      seen = digest(found);
      files.set(found);
      metrics.reloads.inc({ server, result: 'ok' });
      log.info(describe(found), 'TLS certificate replaced');
    } catch (err) {
      // Told once for each problem, not every few seconds.
      if (problem === String(err)) return;
      problem = String(err);
      metrics.reloads.inc({ server, result: 'refused' });
      log.error({ err, server, dir }, 'New TLS certificate refused: the one before stays in use');
    }
  };
  let timer: NodeJS.Timeout;
  const schedule = (): void => {
    timer = setTimeout(() => void look().finally(() => !closed && schedule()), options.everyMs ?? 5_000).unref();
  };
  let closed = false;
  schedule();
  return {
    credentials: experimental.createCertificateProviderServerCredentials(files, mutual ? files : null, mutual),
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** @throws Error that says which file is missing or wrong. */
async function readFiles(dir: string, mutual: boolean | undefined): Promise<Files> {
  // A Secret is replaced in one step, but not between the reads of two of its files: read until nothing moves.
  let files = await readOnce(dir);
  for (let again = await readOnce(dir); digest(again) !== digest(files); again = await readOnce(dir)) files = again;
  if (mutual && !files.caCertificate) throw new Error('ca.crt is gone, by which clients are verified');
  const { certificate: cert, privateKey: key, caCertificate: ca } = files;
  createSecureContext({ cert, key, ca });
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw new Error('tls.key is not the key of tls.crt');
  }
  return files;
}

async function readOnce(dir: string): Promise<Files> {
  const [certificate, privateKey, caCertificate] = await Promise.all([
    readFile(join(dir, 'tls.crt')),
    readFile(join(dir, 'tls.key')),
    readFile(join(dir, 'ca.crt')).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    }),
  ]);
  return { certificate, privateKey, caCertificate };
}

function digest({ certificate, privateKey, caCertificate }: Files): string {
  const hash = createHash('sha256');
  for (const part of [certificate, privateKey, caCertificate ?? Buffer.alloc(0)]) {
    hash.update(`${part.length}:`).update(part);
  }
  return hash.digest('hex');
}

/** Tells grpc-js of each pair. Its own file watcher takes pairs that do not fit, and serves nobody where one is gone. */
class CurrentFiles implements Provider {
  readonly #identity = new Set<IdentityListener>();
  readonly #ca = new Set<CaListener>();
  #files: Files;

  constructor(files: Files) {
    this.#files = files;
  }

  set(files: Files): void {
    this.#files = files;
    for (const listener of this.#ca) this.#tellCa(listener);
    for (const listener of this.#identity) this.#tellIdentity(listener);
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#ca.add(listener);
    process.nextTick(() => this.#tellCa(listener));
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#ca.delete(listener);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#identity.add(listener);
    process.nextTick(() => this.#tellIdentity(listener));
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identity.delete(listener);
  }

  #tellCa(listener: CaListener): void {
    const { caCertificate } = this.#files;
    listener(caCertificate ? { caCertificate } : null);
  }

  #tellIdentity(listener: IdentityListener): void {
    const { certificate, privateKey } = this.#files;
    listener({ certificate, privateKey });
  }
}

function tlsMetrics(registry: Registry) {
  const registers = [registry];
  const name = 'grpc_server_tls_reloads_total';
  const expiry = 'grpc_server_tls_not_after_timestamp_seconds';
  return {
    reloads:
      (registry.getSingleMetric(name) as Counter | undefined) ??
      new Counter({
        name,
        help: 'Changes of the TLS files of a gRPC server, by what came of them: ok, refused.',
        labelNames: ['server', 'result'],
        registers,
      }),
    notAfter:
      (registry.getSingleMetric(expiry) as Gauge | undefined) ??
      new Gauge({
        name: expiry,
        help: 'When the TLS certificate in use of a gRPC server ends, in Unix time.',
        labelNames: ['server'],
        registers,
      }),
  };
}
