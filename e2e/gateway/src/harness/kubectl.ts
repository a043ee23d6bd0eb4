import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '@tsgateway/cluster';
import { stringify } from 'yaml';

const deadlineMs = 60_000;

/** `kubectl`, as a user has it. */
export class Kubectl {
  readonly #kubeconfig: string;
  readonly #workDir: string;
  #files = 0;

  constructor(options: { kubeconfig: string; workDir: string }) {
    this.#kubeconfig = options.kubeconfig;
    this.#workDir = options.workDir;
  }

  /** @returns what it wrote to stdout. @throws Error with its stderr */
  run(...args: readonly string[]): Promise<string> {
    return runCommand(['kubectl', '--kubeconfig', this.#kubeconfig, ...args], { deadlineMs });
  }

  /** Applies a file, or all files of a folder. */
  async applyFile(path: string): Promise<void> {
    await this.run('apply', '-f', path);
  }

  /** Deletes what a file, or all files of a folder, would apply. */
  async deleteFile(path: string): Promise<void> {
    await this.run('delete', '--ignore-not-found', '-f', path);
  }

  /** Applies objects. */
  async apply(...objects: readonly object[]): Promise<void> {
    await this.#withFile(objects, (file) => this.applyFile(file));
  }

  /** Deletes objects, and waits for their finalizers; those that are gone are no error. */
  async delete(...objects: readonly object[]): Promise<void> {
    await this.#withFile(objects, (file) => this.deleteFile(file));
  }

  async #withFile(objects: readonly object[], use: (file: string) => Promise<void>): Promise<void> {
    const file = join(this.#workDir, `objects-${this.#files++}.yaml`);
    await writeFile(file, objects.map((object) => `---\n${stringify(object)}`).join(''));
    await use(file);
    await rm(file);
  }
}
