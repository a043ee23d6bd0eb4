import { expect, it } from '@jest/globals';
import { sumOf } from './metrics.ts';

const text = `# TYPE calls_total counter
calls_total{service="a",method="x"} 2
calls_total{service="a",method="y"} 3
calls_total{service="b",method="x"} 1
calls_total_more 9
up 1
`;

it('a metric is summed over the samples that have the labels', () => {
  expect(sumOf(text, 'calls_total')).toBe(6);
  expect(sumOf(text, 'calls_total', { service: 'a' })).toBe(5);
  expect(sumOf(text, 'calls_total', { service: 'a', method: 'y' })).toBe(3);
  expect(sumOf(text, 'up')).toBe(1);
  expect(sumOf(text, 'down')).toBe(0);
});
