/**
 * An image's name in full, as a kubelet reads the short form: `app` is `docker.io/library/app:latest`, `team/app:1` is
 * `docker.io/team/app:1`; a first part with a dot or a port, or `localhost`, is a registry.
 */
export function fullImageName(name: string): string {
  const [first = '', ...rest] = name.split('/');
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const path = hasRegistry ? name : `docker.io/${rest.length > 0 ? '' : 'library/'}${name}`;
  const last = path.slice(path.lastIndexOf('/'));
  return /[:@]/.test(last) ? path : `${path}:latest`;
}
