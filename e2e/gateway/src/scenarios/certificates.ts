import { generate } from 'selfsigned';

/** PEM. */
export interface Pair {
  readonly key: string;
  readonly cert: string;
}

/** A CA of its own, for an hour. */
export async function makeCa(name: string): Promise<Pair> {
  const made = await generate([{ name: 'commonName', value: name }], {
    ...{ keyType: 'ec', algorithm: 'sha256' },
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
    ],
  });
  return { key: made.private, cert: made.cert };
}

/** A server's certificate by a CA, for DNS names and 127.0.0.1. */
export async function issue(ca: Pair, names: readonly string[]): Promise<Pair> {
  const made = await generate([{ name: 'commonName', value: names[0] ?? '' }], {
    ...{ keyType: 'ec', algorithm: 'sha256', ca },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [...names.map((value) => ({ type: 2 as const, value })), { type: 7, ip: '127.0.0.1' }],
      },
    ],
  });
  return { key: made.private, cert: made.cert };
}
