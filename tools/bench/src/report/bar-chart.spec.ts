import { describe, expect, it } from '@jest/globals';
import { barChart } from './bar-chart.ts';

describe('barChart', () => {
  const chart = barChart({
    title: 'Large <call>',
    bars: [
      { label: 'ours', median: 50, min: 40, max: 60, ours: true },
      { label: 'a & b', median: 100, min: 90, max: 200, ours: false },
    ],
    text: (v) => `${v} ms`,
  });

  it('draws bars in proportion', () => {
    const widths = [...chart.matchAll(/<rect x="170" y="\d+" width="([\d.]+)"/g)].map(([, w]) => Number(w));
    expect(widths).toEqual([115, 230]);
  });

  it('escapes what it is given', () => {
    expect(chart).toContain('Large &lt;call&gt;');
    expect(chart).toContain('a &amp; b');
  });
});
