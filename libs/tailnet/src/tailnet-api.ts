/** A service with addresses of its own in the tailnet. Fields not named here are kept and written back. */
export interface VipService {
  /** "svc:web". */
  name: string;
  /** IPv4 first, then IPv6. On create absent, or one IPv4 to ask for; on update what was read. */
  addrs?: string[] | undefined;
  comment?: string | undefined;
  /** "tcp:80". */
  ports?: string[] | undefined;
  tags?: string[] | undefined;
  annotations?: Record<string, string> | undefined;
  [field: string]: unknown;
}

/** A device that advertises a service. */
export interface ServiceHost {
  /** The device's `nodeId`. */
  stableNodeID: string;
  approvalLevel: string;
  configured: boolean;
}

export interface Device {
  id: string;
  /** Stable over re-registration; what `ServiceHost` and approvals use. */
  nodeId: string;
  /** With the MagicDNS suffix: "web-0.example.ts.net". */
  name: string;
  hostname: string;
  addresses: string[];
  tags: string[];
  connected: boolean;
  /** RFC 3339; empty where the API does not say. */
  lastSeen: string;
  /** Shared in from another tailnet. */
  external: boolean;
}

export interface AuthKeyRequest {
  tags: readonly string[];
  ephemeral: boolean;
  reusable: boolean;
  preauthorized: boolean;
  expirySeconds: number;
  description: string;
}

export interface AuthKey {
  id: string;
  /** The secret itself. */
  key: string;
}

/** What can be said about a tailnet with the credentials at hand. */
export interface TailnetDescription {
  /** "example.ts.net"; empty while the tailnet has no device to tell it by. */
  magicDnsSuffix: string;
  devices: Device[];
  scopes: string[];
  /** When the present access token ends, in ms since 1970. */
  credentialExpiresAtMs: number;
}

/** VIP services. The API has no compare-and-swap: a write replaces what is there. */
export interface VipServices {
  /** Undefined where there is none. */
  get(name: string, signal?: AbortSignal): Promise<VipService | undefined>;
  list(signal?: AbortSignal): Promise<VipService[]>;
  /**
   * Creates or replaces. A failure that is not `refused` may have written: read again before repeating, as a late
   * repetition would undo what others wrote since.
   */
  put(service: VipService, signal?: AbortSignal): Promise<void>;
  /** False where there was none. As with `put`, a failure that is not `refused` may have deleted. */
  delete(name: string, signal?: AbortSignal): Promise<boolean>;
  hosts(name: string, signal?: AbortSignal): Promise<ServiceHost[]>;
  /** Lets a device serve the service. */
  approveHost(host: { service: string; nodeId: string }, signal?: AbortSignal): Promise<void>;
}

/**
 * A tailnet's control API. Every call throws `TailnetError`, has a deadline, and waits for the tailnet's rate limit.
 * What a control plane cannot do is absent (`undefined`), so that a caller has to look.
 */
export interface TailnetApi {
  readonly vipServices: VipServices | undefined;
  describe(signal?: AbortSignal): Promise<TailnetDescription>;
  /** False where there was none. */
  deleteDevice(id: string, signal?: AbortSignal): Promise<boolean>;
  createAuthKey(request: AuthKeyRequest, signal?: AbortSignal): Promise<AuthKey>;
  /** Lets calls under way end, within their deadlines, and closes the connections. */
  close(): Promise<void>;
}
