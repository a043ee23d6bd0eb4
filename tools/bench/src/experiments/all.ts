import type { Experiment } from '../experiment.ts';
import { bytes } from './bytes.ts';
import { codec } from './codec.ts';
import { atRest, edsPush } from './eds.ts';
import { largeCall, largeCallMemory } from './large-calls.ts';
import { cpuPerCall, serialCalls } from './small-calls.ts';
import { wholeTranslation } from './whole-translation.ts';

/** In the order in which they run. */
export const experiments: readonly Experiment[] = [
  ...[serialCalls, cpuPerCall, codec, largeCall, wholeTranslation],
  ...[largeCallMemory, bytes, edsPush, atRest],
];
