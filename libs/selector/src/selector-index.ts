import type { Labels, Requirement, Selector } from './selector.ts';

/** A selector selects among the objects of its own scope (a namespace). */
export interface ScopedSelector {
  readonly scope: string;
  readonly selector: Selector;
}

/** An object as a selector sees it. */
export interface ScopedLabels {
  readonly scope: string;
  /** Must not be changed afterwards. */
  readonly labels: Labels;
}

/** Ids, sorted, of the other side: whom the selector or the object won, and whom it lost. */
export interface MatchChange {
  readonly gained: readonly string[];
  readonly lost: readonly string[];
}

/**
 * Many selectors over many objects: who matches whom, kept up to date one change at a time, in both directions.
 *
 * A change of an object looks only at selectors that it may match: each selector waits under one of its positive
 * requirements (In, Exists), a selective one. Selectors without a positive requirement are looked
 * at for every object of their scope; most of these match anyway. A change of a selector looks only at the objects that
 * meet that requirement.
 *
 * Ids are any strings; those of selectors and of objects are separate.
 */
export class SelectorIndex {
  readonly #scopes = new Map<string, Scope>();
  readonly #selectors = new Map<string, SelectorEntry>();
  readonly #objects = new Map<string, ObjectEntry>();

  /** Adds or replaces a selector; the change says which objects it now matches and which no more. */
  setSelector(id: string, { scope, selector }: ScopedSelector): MatchChange {
    const old = this.#selectors.get(id);
    if (old) this.#unlinkSelector(old);
    const home = this.#scope(scope);
    const entry: SelectorEntry = { id, scope, selector, anchor: home.chooseAnchor(selector), matches: new Set() };
    this.#selectors.set(id, entry);
    home.addSelector(entry);
    for (const object of home.candidateObjects(entry)) {
      if (selector.matches(object.labels)) link(entry, object);
    }
    return difference(old?.matches ?? none, entry.matches);
  }

  removeSelector(id: string): MatchChange {
    const old = this.#selectors.get(id);
    if (!old) return difference(none, none);
    this.#selectors.delete(id);
    this.#unlinkSelector(old);
    return difference(old.matches, none);
  }

  /** Adds or replaces an object; the change says which selectors now match it and which no more. */
  setObject(id: string, { scope, labels }: ScopedLabels): MatchChange {
    const old = this.#objects.get(id);
    if (old?.scope === scope && sameLabels(old.labels, labels)) return difference(none, none);
    if (old) this.#unlinkObject(old);
    const home = this.#scope(scope);
    const entry: ObjectEntry = { id, scope, labels, matches: new Set() };
    this.#objects.set(id, entry);
    home.addObject(entry);
    for (const selector of home.candidateSelectors(labels)) {
      if (selector.selector.matches(labels)) link(selector, entry);
    }
    return difference(old?.matches ?? none, entry.matches);
  }

  removeObject(id: string): MatchChange {
    const old = this.#objects.get(id);
    if (!old) return difference(none, none);
    this.#objects.delete(id);
    this.#unlinkObject(old);
    return difference(old.matches, none);
  }

  /** Ids of the objects that a selector matches, sorted; none for an unknown selector. */
  matchesOf(selectorId: string): string[] {
    return idsOf(this.#selectors.get(selectorId)?.matches ?? none);
  }

  /** Ids of the selectors that match an object, sorted; none for an unknown object. */
  selectorsOf(objectId: string): string[] {
    return idsOf(this.#objects.get(objectId)?.matches ?? none);
  }

  #scope(name: string): Scope {
    return getOrAdd(this.#scopes, name, () => new Scope());
  }

  #unlinkSelector(entry: SelectorEntry): void {
    for (const object of entry.matches) object.matches.delete(entry);
    const home = this.#scope(entry.scope);
    home.removeSelector(entry);
    if (home.isEmpty) this.#scopes.delete(entry.scope);
  }

  #unlinkObject(entry: ObjectEntry): void {
    for (const selector of entry.matches) selector.matches.delete(entry);
    const home = this.#scope(entry.scope);
    home.removeObject(entry);
    if (home.isEmpty) this.#scopes.delete(entry.scope);
  }
}

interface SelectorEntry {
  readonly id: string;
  readonly scope: string;
  readonly selector: Selector;
  /** The requirement under which it waits for objects; undefined: it has no positive one. */
  readonly anchor: Requirement | undefined;
  readonly matches: Set<ObjectEntry>;
}

interface ObjectEntry {
  readonly id: string;
  readonly scope: string;
  readonly labels: Labels;
  readonly matches: Set<SelectorEntry>;
}

/** What waits under one label key. */
class KeyPostings {
  readonly objects = new Map<string, Set<ObjectEntry>>();
  objectCount = 0;
  /** Anchored at In, by each of its values. */
  readonly selectors = new Map<string, Set<SelectorEntry>>();
  /** Anchored at Exists. */
  readonly existsSelectors = new Set<SelectorEntry>();

  get isEmpty(): boolean {
    return this.objects.size + this.selectors.size + this.existsSelectors.size === 0;
  }
}

/** The postings of one scope. */
class Scope {
  readonly #keys = new Map<string, KeyPostings>();
  readonly #objects = new Set<ObjectEntry>();
  readonly #unanchored = new Set<SelectorEntry>();
  #selectorCount = 0;

  get isEmpty(): boolean {
    return this.#objects.size + this.#selectorCount === 0;
  }

  /**
   * The positive requirement with the fewest objects and waiting selectors: objects, because each of their changes
   * will look at this selector; selectors, so that they spread while the objects are yet to come.
   */
  chooseAnchor(selector: Selector): Requirement | undefined {
    let best: Requirement | undefined;
    let bestLoad = Infinity;
    for (const requirement of selector.requirements) {
      const load = isPositive(requirement) ? this.#load(requirement) : Infinity;
      if (load >= bestLoad) continue;
      best = requirement;
      bestLoad = load;
    }
    return best;
  }

  addSelector(entry: SelectorEntry): void {
    this.#selectorCount++;
    if (entry.anchor === undefined) {
      this.#unanchored.add(entry);
      return;
    }
    const { key, operator, values } = entry.anchor;
    const postings = getOrAdd(this.#keys, key, () => new KeyPostings());
    if (operator === 'Exists') postings.existsSelectors.add(entry);
    else for (const value of values) getOrAdd(postings.selectors, value, newSet<SelectorEntry>).add(entry);
  }

  removeSelector(entry: SelectorEntry): void {
    this.#selectorCount--;
    this.#unanchored.delete(entry);
    if (entry.anchor === undefined) return;
    const { key, values } = entry.anchor;
    const postings = this.#keys.get(key);
    if (!postings) return;
    postings.existsSelectors.delete(entry);
    for (const value of values) removeFrom(postings.selectors, value, entry);
    if (postings.isEmpty) this.#keys.delete(key);
  }

  addObject(entry: ObjectEntry): void {
    this.#objects.add(entry);
    for (const [key, value] of Object.entries(entry.labels)) {
      const postings = getOrAdd(this.#keys, key, () => new KeyPostings());
      getOrAdd(postings.objects, value, newSet<ObjectEntry>).add(entry);
      postings.objectCount++;
    }
  }

  removeObject(entry: ObjectEntry): void {
    this.#objects.delete(entry);
    for (const [key, value] of Object.entries(entry.labels)) {
      const postings = this.#keys.get(key);
      if (!postings) continue;
      removeFrom(postings.objects, value, entry);
      postings.objectCount--;
      if (postings.isEmpty) this.#keys.delete(key);
    }
  }

  /** Every selector that may match these labels, each once: an object has one value a key, a selector one anchor. */
  *candidateSelectors(labels: Labels): Generator<SelectorEntry> {
    yield* this.#unanchored;
    for (const [key, value] of Object.entries(labels)) {
      const postings = this.#keys.get(key);
      if (!postings) continue;
      yield* postings.existsSelectors;
      yield* postings.selectors.get(value) ?? [];
    }
  }

  /** Every object that the selector may match, each once. */
  *candidateObjects({ anchor }: SelectorEntry): Generator<ObjectEntry> {
    if (anchor === undefined) {
      yield* this.#objects;
      return;
    }
    const postings = this.#keys.get(anchor.key);
    if (anchor.operator === 'Exists') for (const set of postings?.objects.values() ?? []) yield* set;
    else for (const value of anchor.values) yield* postings?.objects.get(value) ?? [];
  }

  #load({ key, operator, values }: Requirement): number {
    const postings = this.#keys.get(key);
    if (!postings) return 0;
    if (operator === 'Exists') return postings.objectCount + postings.existsSelectors.size;
    let load = 0;
    for (const value of values) {
      load += (postings.objects.get(value)?.size ?? 0) + (postings.selectors.get(value)?.size ?? 0);
    }
    return load;
  }
}

interface Identified {
  readonly id: string;
}

const none: ReadonlySet<Identified> = new Set();

const isPositive = ({ operator }: Requirement): boolean => operator === 'In' || operator === 'Exists';

function link(selector: SelectorEntry, object: ObjectEntry): void {
  selector.matches.add(object);
  object.matches.add(selector);
}

/** Compares entries: those of the other side outlive the change. */
function difference(before: ReadonlySet<Identified>, after: ReadonlySet<Identified>): MatchChange {
  const gained = [...after].filter((entry) => !before.has(entry)).map((entry) => entry.id);
  const lost = [...before].filter((entry) => !after.has(entry)).map((entry) => entry.id);
  return { gained: gained.sort(), lost: lost.sort() };
}

const idsOf = (entries: ReadonlySet<Identified>): string[] => [...entries].map((entry) => entry.id).sort();

function sameLabels(a: Labels, b: Labels): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key]);
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

const newSet = <T>(): Set<T> => new Set();

function removeFrom<T>(map: Map<string, Set<T>>, key: string, entry: T): void {
  const set = map.get(key);
  if (set?.delete(entry) && set.size === 0) map.delete(key);
}
