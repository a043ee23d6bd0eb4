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
/** Shares of rules that are remembered; the oldest are forgotten. */
const maxRemembered = 10_000;

/** PostTranslateModify: sends the traffic of stamped rules to our clusters. */
export class TranslationHook {
  readonly #options: TranslationHookOptions;
  readonly #remembered = new Map<string, readonly BackendRef[]>();

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
      await state.until((m) => m !== undefined && whyBehind(translation, m) === undefined, deadline);
    }
    const { model } = state;
    if (!model) throw new HookError(status.UNAVAILABLE, 'no mesh model yet: the operator has not been reached');
    const behind = whyBehind(translation, model);
    if (behind !== undefined) log.warn({ behind }, 'Translated with a model that is behind Envoy Gateway');
    const { response, degraded, bindings } = translate(translation, {
      model,
      caFile: this.#options.caFile,
      remembered: (key) => this.#remembered.get(key),
    });
    for (const [key, refs] of bindings) this.#remember(key, refs);
    for (const { rule, source } of degraded) log.warn({ rule, source }, 'Rule is degraded');
    this.#options.onDegraded(degraded.length);
    return response;
  }

  #remember(key: string, refs: readonly BackendRef[]): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, refs);
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= maxRemembered) break;
      this.#remembered.delete(oldest);
    }
  }
}
