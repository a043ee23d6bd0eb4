import { generate } from 'selfsigned';

/** PEM texts of a server that a freshly made authority vouches for. Nothing is written to disk. */
export interface ServingCertificate {
  ca: string;
  cert: string;
  key: string;
}

/** Makes a certificate authority and a certificate for loopback addresses, valid for a year. */
export async function makeServingCertificate(host: string): Promise<ServingCertificate> {
  const authority = await generate([{ name: 'commonName', value: 'embedded-kube-ca' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
    ],
  });
  const server = await generate([{ name: 'commonName', value: 'embedded-kube' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: host },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { ca: authority.cert, cert: server.cert, key: server.private };
}
