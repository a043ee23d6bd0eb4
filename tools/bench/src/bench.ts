import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ExtensionServer, startExtensionServer } from './peers/extension-server.ts';
import type { GoPrograms } from './peers/go.ts';
import { LoadClient } from './peers/load-client.ts';
import { MeshStub } from './peers/mesh-stub.ts';
import { type Peer, startPeer } from './peers/peer.ts';

const tsProtoServer = join(import.meta.dirname, 'peers/ts-proto-server.js');

/** What the experiments of a run share: peers, the client, files for requests. Each is started when first asked for. */
export class Bench {
  readonly quick: boolean;
  readonly #go: GoPrograms | undefined;
  readonly #started = new Map<string, Promise<unknown>>();
  readonly #stops: (() => Promise<void>)[] = [];
  #files = 0;

  constructor(options: { quick: boolean; go: GoPrograms | undefined }) {
    this.quick = options.quick;
    this.#go = options.go;
  }

  /** The same server for all experiments, as it runs for weeks. */
  extensionServer(): Promise<ExtensionServer> {
    return this.#once('extension-server', () => this.freshExtensionServer());
  }

  async freshExtensionServer(): Promise<ExtensionServer> {
    return this.#owned(await startExtensionServer(await this.mesh()));
  }

  goServer(): Promise<Peer> {
    return this.#once('go', () => this.freshGoServer());
  }

  async freshGoServer(): Promise<Peer> {
    return this.#owned(await startPeer([this.#programs.server]));
  }

  tsProtoServer(): Promise<Peer> {
    return this.#once('ts-proto', () => this.freshTsProtoServer());
  }

  async freshTsProtoServer(): Promise<Peer> {
    return this.#owned(await startPeer([process.execPath, tsProtoServer]));
  }

  floor(): Promise<Peer> {
    return this.#once('tcp', async () => this.#owned(await startPeer([this.#programs.floor])));
  }

  load(): Promise<LoadClient> {
    return this.#once('load', () => Promise.resolve(this.#owned(new LoadClient(this.#programs.load))));
  }

  mesh(): Promise<MeshStub> {
    return this.#once('mesh', async () => {
      const mesh = new MeshStub();
      await mesh.start();
      this.#stops.push(() => Promise.resolve(mesh.stop()));
      return mesh;
    });
  }

  /** A file with this content. */
  async file(content: Uint8Array): Promise<string> {
    const folder = await this.#once('folder', async () => {
      const made = await mkdtemp(join(tmpdir(), 'tailscale-gateway-bench-'));
      this.#stops.push(() => rm(made, { recursive: true, force: true }));
      return made;
    });
    const path = join(folder, String(this.#files++));
    await writeFile(path, content);
    return path;
  }

  async close(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }

  get #programs(): GoPrograms {
    if (!this.#go) throw new Error('no Go here');
    return this.#go;
  }

  #owned<T extends { stop(): Promise<void> }>(peer: T): T {
    this.#stops.push(() => peer.stop());
    return peer;
  }

  #once<T>(name: string, start: () => Promise<T>): Promise<T> {
    const started = (this.#started.get(name) as Promise<T> | undefined) ?? start();
    this.#started.set(name, started);
    return started;
  }
}
