/** A VIP service, with whatever fields a client sent. */
export interface StoredService {
  name: string;
  addrs: string[];
  [field: string]: unknown;
}

/** A machine of the tailnet. */
export interface StoredDevice {
  id: string;
  nodeId: string;
  hostname: string;
  tags: string[];
  addresses: string[];
  connected: boolean;
}

export interface StoredHost {
  stableNodeID: string;
  approvalLevel: 'not-approved' | 'approved:auto' | 'approved:manual';
  configured: boolean;
}

/** Most objects of a kind: a test or a local run that goes beyond has a bug. */
const MAX_OBJECTS = 10_000;

/** Thrown when the embedded tailnet is full. */
export class TailnetFullError extends Error {}

/** What the embedded tailnet holds. Tests look into it and put things there past the API. */
export class TailnetState {
  private readonly services = new Map<string, StoredService>();
  private readonly before = new Map<string, StoredService | undefined>();
  private readonly machines = new Map<string, StoredDevice>();
  private readonly serving = new Map<string, Map<string, StoredHost>>();
  private readonly authKeys = new Map<string, { tags: string[] }>();
  private numbers = 0;

  service(name: string): StoredService | undefined {
    return structuredClone(this.services.get(name));
  }

  /** The service as it was before its last write. */
  staleService(name: string): StoredService | undefined {
    return structuredClone(this.before.has(name) ? this.before.get(name) : this.services.get(name));
  }

  listServices(): StoredService[] {
    return structuredClone([...this.services.values()]);
  }

  /** Writes a service; one without addresses gets the IPv4 asked for, else the next ones. */
  putService(service: Omit<StoredService, 'addrs'> & { name: string; addrs?: string[] }): StoredService {
    const present = this.services.get(service.name);
    if (!present) this.room(this.services);
    const addrs =
      service.addrs?.length === 2 ? service.addrs : (present?.addrs ?? this.newAddresses(service.addrs?.[0]));
    const stored = structuredClone({ ...service, addrs });
    this.before.set(service.name, present);
    this.services.set(service.name, stored);
    return structuredClone(stored);
  }

  deleteService(name: string): boolean {
    this.before.delete(name);
    this.serving.delete(name);
    return this.services.delete(name);
  }

  /** The IPv4 belongs to another service. */
  isTaken(address: string, name: string): boolean {
    return [...this.services.values()].some((other) => other.name !== name && other.addrs.includes(address));
  }

  /** Adds a device to the tailnet, as if it had logged in. */
  addDevice(device: { hostname: string; tags?: string[]; connected?: boolean }): StoredDevice {
    this.room(this.machines);
    const number = ++this.numbers;
    const stored: StoredDevice = {
      id: String(10_000 + number),
      nodeId: `n${number}CNTRL`,
      hostname: device.hostname,
      tags: device.tags ?? [],
      addresses: this.newAddresses(undefined),
      connected: device.connected ?? true,
    };
    this.machines.set(stored.id, stored);
    return structuredClone(stored);
  }

  listDevices(): StoredDevice[] {
    return structuredClone([...this.machines.values()]);
  }

  device(idOrNode: string): StoredDevice | undefined {
    return structuredClone([...this.machines.values()].find((d) => d.id === idOrNode || d.nodeId === idOrNode));
  }

  removeDevice(idOrNode: string): boolean {
    const found = this.device(idOrNode);
    if (!found) return false;
    for (const hosts of this.serving.values()) hosts.delete(found.nodeId);
    return this.machines.delete(found.id);
  }

  /** Lets a device advertise a service, as a proxy does. */
  advertise(service: string, device: string): void {
    const { nodeId } = this.device(device) ?? { nodeId: device };
    const hosts = this.serving.get(service) ?? new Map<string, StoredHost>();
    hosts.set(nodeId, { stableNodeID: nodeId, approvalLevel: 'not-approved', configured: true });
    this.serving.set(service, hosts);
  }

  hosts(service: string): StoredHost[] {
    return structuredClone([...(this.serving.get(service)?.values() ?? [])]);
  }

  /** False where the device does not advertise the service. */
  approve(service: string, nodeId: string, approved: boolean): boolean {
    const host = this.serving.get(service)?.get(nodeId);
    if (host) host.approvalLevel = approved ? 'approved:manual' : 'not-approved';
    return host !== undefined;
  }

  createKey(tags: string[]): { id: string; key: string } {
    this.room(this.authKeys);
    const id = `k${++this.numbers}CNTRL`;
    this.authKeys.set(id, { tags });
    return { id, key: `tskey-auth-${id}-embedded` };
  }

  listKeys(): { id: string; tags: string[] }[] {
    return [...this.authKeys].map(([id, { tags }]) => ({ id, tags: [...tags] }));
  }

  private newAddresses(v4: string | undefined): string[] {
    const number = ++this.numbers;
    const next = `100.${64 + ((number >> 16) & 63)}.${(number >> 8) & 255}.${number & 255}`;
    return [v4 ?? next, `fd7a:115c:a1e0::${number.toString(16)}`];
  }

  private room(map: ReadonlyMap<string, unknown>): void {
    if (map.size >= MAX_OBJECTS)
      throw new TailnetFullError(`the embedded tailnet holds at most ${MAX_OBJECTS} objects`);
  }
}
