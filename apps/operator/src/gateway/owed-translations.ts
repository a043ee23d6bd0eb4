/** Processes that are remembered; far more than run at once. */
const MAX_BOOTS = 256;

/**
 * Gateways that Envoy Gateway must be asked to translate although nothing of their structure changed: an extension
 * server refused a translation while it had no model, and Envoy Gateway does not repeat one by itself.
 */
export class OwedTranslations {
  readonly #boots = new Set<string>();
  readonly #gateways = new Set<string>();

  /**
   * A process says that it owes translations; which Gateways they were of, it does not know. It says so in every report.
   * @returns whether this is the first time
   */
  add(bootId: string, gateways: readonly string[]): boolean {
    if (this.#boots.has(bootId)) return false;
    this.#boots.add(bootId);
    for (const oldest of this.#boots) {
      if (this.#boots.size <= MAX_BOOTS) break;
      this.#boots.delete(oldest);
    }
    for (const gateway of gateways) this.#gateways.add(gateway);
    return true;
  }

  /** Whether it is still to be asked for. */
  has(gateway: string): boolean {
    return this.#gateways.has(gateway);
  }

  /** It was asked for, or there is nothing to ask for. */
  settle(gateway: string): void {
    this.#gateways.delete(gateway);
  }
}
