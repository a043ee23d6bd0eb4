import { status } from '@grpc/grpc-js';
import type { BackendRef } from '@tsgateway/model';
import type { Logger } from '@tsgateway/process';
import { findStamps, spliceTranslation, translate, whyBehind } from '@tsgateway/xds';
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
  /** Rules that were degraded in a translation. */
  readonly onDegraded: (count: number) => void;
  readonly log: Logger;
}

/** Our staleness never holds up a translation longer: Envoy Gateway does nothing else meanwhile, for anybody. */
const patienceMs = 2000;
/** Shares of rules that are remembered, and reasons; the oldest are forgotten. */
const maxRemembered = 10_000;

/** PostTranslateModify: sends the traffic of stamped rules to our clusters. */
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
  async handle(request: Uint8Array): Promise<Uint8Array> {
    const { state, log } = this.#options;
    const translation = findStamps(request);
    if (translation.rules.size === 0) return spliceTranslation(request);
    const deadline = this.#options.now() + patienceMs;
    await state.until((m) => m !== undefined, deadline);
    if (this.#options.modelAlive()) {
      const worthIt = (reason: string) => !this.#inVain.has(reason);
      await state.until((m) => m !== undefined && !whyBehind(translation, m).some(worthIt), deadline);
    }
    const { model } = state;
    if (!model) throw new HookError(status.UNAVAILABLE, 'no mesh model yet: the operator has not been reached');
    const behind = whyBehind(translation, model);
    for (const reason of behind) remember(this.#inVain, reason, true);
    if (behind.length > 0) log.warn({ behind: behind.slice(0, 10) }, 'Translated with a model that is behind');
    const { response, degraded, bindings } = translate(translation, {
      model,
      caFile: this.#options.caFile,
      remembered: (key) => this.#remembered.get(key),
    });
    for (const [key, refs] of bindings) remember(this.#remembered, key, refs);
    for (const { rule, source } of degraded) log.warn({ rule, source }, 'Rule is degraded');
    this.#options.onDegraded(degraded.length);
    return response;
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
