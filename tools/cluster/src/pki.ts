import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface Subject {
  readonly user: string;
  readonly groups?: readonly string[];
}

const validDays = 365;

/** Signs certificates for the servers and the users of one cluster. Its key stays in its folder. */
export class CertificateAuthority {
  readonly #ca: KeyPair;

  private constructor(ca: KeyPair) {
    this.#ca = ca;
  }

  /** Makes one, and writes `NAME.crt` and `NAME.key`. */
  static async create(folder: string, name: string): Promise<CertificateAuthority> {
    const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
      keyType: 'ec',
      algorithm: 'sha256',
      notAfterDate: inDays(validDays),
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
      ],
    });
    await writeKeyPair(folder, name, { cert, key });
    return new CertificateAuthority({ cert, key });
  }

  /** One that `create` has made. */
  static async load(folder: string, name: string): Promise<CertificateAuthority> {
    return new CertificateAuthority(await readKeyPair(folder, name));
  }

  get cert(): string {
    return this.#ca.cert;
  }

  /** @param hosts names and addresses by which it is dialled; the first is its common name */
  async server(hosts: readonly [string, ...string[]]): Promise<KeyPair> {
    return this.#issue({ user: hosts[0] }, [
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: hosts.map((host) => (isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host })),
      },
    ]);
  }

  async client(subject: Subject): Promise<KeyPair> {
    return this.#issue(subject, [{ name: 'extKeyUsage', clientAuth: true }]);
  }

  async #issue({ user, groups = [] }: Subject, extensions: Extensions): Promise<KeyPair> {
    const attributes = [{ name: 'commonName', value: user }, ...groups.map((value) => ({ name: 'O', value }))];
    const { cert, private: key } = await generate(attributes, {
      keyType: 'ec',
      algorithm: 'sha256',
      notAfterDate: inDays(validDays),
      ca: this.#ca,
      extensions: [
        { name: 'basicConstraints', cA: false, critical: true },
        { name: 'keyUsage', digitalSignature: true, critical: true },
        ...extensions,
      ],
    });
    return { cert, key };
  }
}

type Extensions = NonNullable<NonNullable<Parameters<typeof generate>[1]>['extensions']>;

/** All that a control plane needs, as files of `folder`. */
export async function createPki(folder: string, hosts: readonly [string, ...string[]]): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const [ca, etcdCa] = await Promise.all([
    CertificateAuthority.create(folder, 'ca'),
    // Of its own: else every user of the cluster could read and write etcd.
    CertificateAuthority.create(folder, 'etcd-ca'),
  ]);
  await Promise.all([
    ca.server(hosts).then((pair) => writeKeyPair(folder, 'apiserver', pair)),
    ca
      .client({ user: 'kubernetes-admin', groups: ['system:masters'] })
      .then((pair) => writeKeyPair(folder, 'admin', pair)),
    ca
      .client({ user: 'kube-apiserver-kubelet-client', groups: ['system:masters'] })
      .then((pair) => writeKeyPair(folder, 'kubelet-client', pair)),
    etcdCa.server(['localhost', '127.0.0.1']).then((pair) => writeKeyPair(folder, 'etcd', pair)),
    etcdCa.client({ user: 'kube-apiserver' }).then((pair) => writeKeyPair(folder, 'etcd-client', pair)),
    writeServiceAccountKeys(folder),
  ]);
}

export async function readKeyPair(folder: string, name: string): Promise<KeyPair> {
  const [cert, key] = await Promise.all(
    ['crt', 'key'].map((extension) => readFile(join(folder, `${name}.${extension}`), 'utf8')),
  );
  return { cert: cert ?? '', key: key ?? '' };
}

async function writeKeyPair(folder: string, name: string, { cert, key }: KeyPair): Promise<void> {
  await writeFile(join(folder, `${name}.crt`), cert);
  await writeFile(join(folder, `${name}.key`), key, { mode: 0o600 });
}

async function writeServiceAccountKeys(folder: string): Promise<void> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(join(folder, 'service-account.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(join(folder, 'service-account.key'), pem, { mode: 0o600 });
}

function inDays(days: number): Date {
  return new Date(Date.now() + days * 24 * 60 * 60 * 1000);
}
