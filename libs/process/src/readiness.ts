/** What must hold before a service is ready. */
export interface Readiness {
  /** Adds a gate, closed at first. The returned function opens and closes it; the detail is shown by `?verbose`. */
  add(name: string): (ok: boolean, detail?: string) => void;
}

export interface Gate {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string | undefined;
}

/** Gates by name, in the order they were added. */
export class ReadinessGates implements Readiness {
  readonly #gates = new Map<string, Gate>();

  add(name: string): (ok: boolean, detail?: string) => void {
    const set = (ok: boolean, detail?: string): void => {
      this.#gates.set(name, { name, ok, detail });
    };
    set(false);
    return set;
  }

  get all(): readonly Gate[] {
    return [...this.#gates.values()];
  }

  get ready(): boolean {
    return this.all.every((gate) => gate.ok);
  }
}
