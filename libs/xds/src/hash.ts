/** FNV-1a, 64 bits: tells contents apart, guards against nobody. 16 hex digits. */
export function hash16(bytes: Uint8Array): string {
  // Two halves of 32 bits, as products of 64 do not fit into a number.
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (const byte of bytes) {
    low = (low ^ byte) >>> 0;
    // Times 2^40 + 2^8 + 0xb3.
    const product = low * 0x1b3;
    high = (Math.imul(high, 0x1b3) + Math.floor(product / 2 ** 32) + (low << 8)) >>> 0;
    low = product >>> 0;
  }
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}

/** 8 hex digits. */
export const hash8 = (bytes: Uint8Array): string => hash16(bytes).slice(0, 8);
