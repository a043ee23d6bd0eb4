/**
 * Memory that a hook takes at its peak, as a multiple of its request: the frames as they came, the request, the response
 * and the response framed. Measured with a request of 100 MB (README).
 */
const peakPerByte = 4.5;
/** What the process takes without any request. */
const idleBytes = 128 * 2 ** 20;

export interface MemoryLimit {
  /** Of the container (cgroup v1 or v2), 0 or more than the machine has: none. */
  readonly constrained: number;
  /** Of the machine. */
  readonly total: number;
}

/** Says how much memory the largest message takes and how much there is, if that is less; else undefined. */
export function memoryShortage(
  maxMessageBytes: number,
  { constrained, total }: MemoryLimit,
): { readonly neededBytes: number; readonly limitBytes: number } | undefined {
  const limitBytes = constrained > 0 && constrained < total ? constrained : total;
  const neededBytes = Math.ceil(maxMessageBytes * peakPerByte) + idleBytes;
  return neededBytes > limitBytes ? { neededBytes, limitBytes } : undefined;
}
