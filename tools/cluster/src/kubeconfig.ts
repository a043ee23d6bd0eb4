import { stringify } from 'yaml';

export interface KubeconfigOptions {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  /** The context's name, too. */
  readonly user: string;
  readonly credentials: { readonly token: string } | { readonly cert: string; readonly key: string };
  readonly namespace?: string;
}

/** A kubeconfig that holds all that it needs, so that it can be copied elsewhere. */
export function kubeconfig({ server, ca, user, credentials, namespace }: KubeconfigOptions): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const cluster = 'tailscale-gateway';
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: cluster, cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [
      {
        name: user,
        user:
          'token' in credentials
            ? { token: credentials.token }
            : {
                'client-certificate-data': base64(credentials.cert),
                'client-key-data': base64(credentials.key),
              },
      },
    ],
    contexts: [{ name: user, context: { cluster, user, ...(namespace === undefined ? {} : { namespace }) } }],
    'current-context': user,
  });
}
