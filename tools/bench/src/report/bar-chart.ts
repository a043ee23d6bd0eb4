export interface Bar {
  readonly label: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** The one that the chart is about. */
  readonly ours: boolean;
}

const width = 720;
const row = 34;
const left = 170;
const right = 90;
const top = 44;

/**
 * Horizontal bars from zero, the range of the repeats as a line over each, the median in figures behind it. SVG that
 * can be read on a light and on a dark page.
 */
export function barChart(options: { title: string; bars: readonly Bar[]; text: (value: number) => string }): string {
  const { title, bars, text } = options;
  const height = top + bars.length * row + 12;
  const longest = Math.max(...bars.map((b) => b.max));
  const x = (value: number) => (left + (value / longest) * (width - left - right)).toFixed(1);
  const parts = bars.flatMap(({ label, median, min, max, ours }, i) => {
    const y = top + i * row;
    const middle = y + 11;
    return [
      `<text class="t" x="${left - 10}" y="${middle + 5}" text-anchor="end">${escape(label)}</text>`,
      `<rect x="${left}" y="${y}" width="${(Number(x(median)) - left).toFixed(1)}" height="22" fill="${ours ? '#2f6fde' : '#9aa4b2'}"/>`,
      `<path class="s" d="M${x(min)} ${middle}H${x(max)}M${x(min)} ${middle - 5}v10M${x(max)} ${middle - 5}v10"/>`,
      `<text class="t" x="${(Number(x(max)) + 8).toFixed(1)}" y="${middle + 5}">${escape(text(median))}</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">`,
    '<style>.t{font:14px sans-serif;fill:#1f2430}.h{font-weight:bold}.s{stroke:#1f2430;stroke-width:1.5;fill:none}' +
      '@media(prefers-color-scheme:dark){.t{fill:#e6e9ef}.s{stroke:#e6e9ef}}</style>',
    `<text class="t h" x="10" y="24">${escape(title)}</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text: string): string => text.replace(/[&<>"]/g, (c) => entities[c] ?? c);
