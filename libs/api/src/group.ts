/** The API group of all kinds here. */
export const GROUP = 'gateway.tailscale.com';

/** The one version that is served and stored. */
export const VERSION = 'v1alpha1';

/** What every manifest carries as `apiVersion`. */
export const API_VERSION = `${GROUP}/${VERSION}` as const;
