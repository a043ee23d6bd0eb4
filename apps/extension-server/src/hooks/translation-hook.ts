import { status } from '@grpc/grpc-js';
import type { BackendRef, MeshModel } from '@tsgateway/model';
import type { Logger } from '@tsgateway/process';
import {
  type Degraded,
  findRules,
  type GatheredMessage,
  type FoundTranslation,
  type KnownModel,
  mayHoldOurs,
  spliceTranslation,
  translate,
  whyBehind,
} from '@tsgateway/xds';
import type { MeshState } from '../mesh/mesh-state.ts';
import { HookError } from './hook-error.ts';

export interface TranslationHookOptions {
  readonly state: MeshState;
  /** Unix ms. */
  readonly now: () => number;
  /** The model's stream is open: waiting for it may help. */
  readonly modelAlive: () => boolean;
  /** The CA bundle in Envoy's file system. */
  readonly caFile: string | undefined;
  /** Envoys tell this process of each request to our clusters. */
  readonly accessLog: boolean;
  /** A translation is refused, for want of a model: Envoy Gateway will not ask again by itself. */
  readonly onRefused: () => void;
  /** Rules that were degraded in a translation, and how many for which reason. */
  readonly onDegraded: (count: number, bySource: ReadonlyMap<Degraded['source'], number>) => void;
  readonly log: Logger;
}

/** Our staleness never holds up a translation longer: Envoy Gateway does nothing else meanwhile, for anybody. */
const patienceMs = 2000;
/** Shares of rules that are remembered, and reasons; the oldest are forgotten. */
const maxRemembered = 10_000;
/** Degraded rules that a translation logs one by one: each translation has them all anew. */
const maxLogged = 20;

/** PostTranslateModify: sends the traffic of rules with backends of ours to our clusters. */
export class TranslationHook {
  readonly #options: TranslationHookOptions;
  readonly #remembered = new Map<string, readonly BackendRef[]>();
  /** What was waited for in vain. It is not waited for again: only what is new can be a matter of moments. */
  readonly #inVain = new Map<string, true>();

  constructor(options: TranslationHookOptions) {
    this.#options = options;
  }

  /**
   * A serialized response to a serialized request.
   * @throws HookError UNAVAILABLE where the request holds clusters of ours and there is no model yet: Envoy Gateway
   *   keeps its last good snapshot.
   */
  async handle(request: Uint8Array): Promise<GatheredMessage> {
    const { state, log } = this.#options;
    const translation = findRules(request);
    // What cannot be ours waits for nothing.
    const ours = mayHoldOurs(translation);
    if (!ours && !state.model) return spliceTranslation(request);
    const behind = ours ? await this.#upToDate(translation) : [];
    const { model } = state;
    if (!model) {
      this.#options.onRefused();
      throw new HookError(status.UNAVAILABLE, 'no mesh model yet: the operator has not been reached');
    }
    for (const reason of behind) remember(this.#inVain, reason, true);
    if (behind.length > 0) log.warn({ behind: behind.slice(0, 10) }, 'Translated with a model that is behind');
    const { response, degraded, bindings } = translate(translation, {
      model: this.#withHistory(model),
      caFile: this.#options.caFile,
      accessLog: this.#options.accessLog,
      remembered: (key) => this.#remembered.get(key),
    });
    for (const [key, refs] of bindings) remember(this.#remembered, key, refs);
    const bySource = new Map<Degraded['source'], number>();
    for (const { source } of degraded) bySource.set(source, (bySource.get(source) ?? 0) + 1);
    for (const { rule, source } of degraded.slice(0, maxLogged)) log.warn({ rule, source }, 'Rule is degraded');
    this.#options.onDegraded(degraded.length, bySource);
    return response;
  }

  /** Waits until the model has caught up with a translation, as long as that may help; returns why it has not. */
  async #upToDate(translation: FoundTranslation): Promise<readonly string[]> {
    const { state, now, modelAlive } = this.#options;
    let behind: readonly string[] = [];
    const caughtUp = (model: MeshModel | undefined): boolean => {
      if (model === undefined) return false;
      behind = whyBehind(translation, this.#withHistory(model));
      return !modelAlive() || behind.every((reason) => this.#inVain.has(reason));
    };
    await state.until(caughtUp, now() + patienceMs);
    return behind;
  }

  /** Envoy Gateway may be behind us as well as ahead of us. */
  #withHistory(model: MeshModel): KnownModel {
    const { state } = this.#options;
    return { ...model, former: (key) => state.formerRoutes(key), gone: (key) => state.isGone(key) };
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= maxRemembered) break;
    map.delete(oldest);
  }
}
