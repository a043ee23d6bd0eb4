const units: Readonly<Record<string, number>> = {
  ...{ '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 },
};

/** Bytes as a number, or as a Kubernetes quantity ("100M", "64Mi", "1.5G"). Undefined: it is neither. */
export function parseBytes(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([KMG]i|[kKMG])?$/.exec(text.trim()) ?? [];
  const factor = units[unit];
  return number === undefined || factor === undefined ? undefined : Math.ceil(Number(number) * factor);
}
