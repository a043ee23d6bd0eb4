/**
 * The sum of a metric's samples that have these labels, in Prometheus' text format; 0 where there is none.
 */
export function sumOf(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  return text
    .split('\n')
    .map((line) => /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line))
    .filter((sample) => sample?.[1] === name && wanted.every((label) => (sample[2] ?? '').split(',').includes(label)))
    .reduce((sum, sample) => sum + Number(sample?.[3]), 0);
}
