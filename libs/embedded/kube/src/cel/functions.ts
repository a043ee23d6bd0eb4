import { CelScalar, celFunc, celList, celMethod, isCelUint, listType } from '@bufbuild/cel';
import type { CelFunc, CelInput, CelList, CelValue } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { RE2JS } from 're2js';

const { BOOL, DYN, INT, STRING } = CelScalar;
const list = listType(DYN);

type Ordered = bigint | number | string | boolean;

function ordered(value: CelValue | undefined): Ordered {
  if (isCelUint(value)) return value.value;
  if (
    typeof value === 'bigint' ||
    typeof value === 'number' ||
    typeof value === 'string' ||
    typeof value === 'boolean'
  ) {
    return value;
  }
  throw new Error('no such overload');
}

function extreme(of: CelList, better: (a: Ordered, b: Ordered) => boolean): CelInput {
  let best: Ordered | undefined;
  for (const item of of) {
    const value = ordered(item);
    if (best === undefined || better(value, best)) best = value;
  }
  if (best === undefined) throw new Error('min/max called on empty list');
  return best;
}

function sum(of: CelList): CelInput {
  let total: bigint | number | undefined;
  for (const item of of) {
    const value = ordered(item);
    if (typeof value !== 'bigint' && typeof value !== 'number') throw new Error('no such overload');
    total = total === undefined ? value : (total as number) + (value as number);
  }
  return total ?? 0n;
}

function position(of: CelList, wanted: CelValue, order: 'first' | 'last'): bigint {
  const items = [...of];
  return BigInt(order === 'first' ? items.indexOf(wanted) : items.lastIndexOf(wanted));
}

function found(text: string, pattern: string, limit: number): string[] {
  const matcher = RE2JS.compile(pattern).matcher(text);
  const all: string[] = [];
  while (all.length < limit && matcher.find()) all.push(matcher.group() ?? '');
  return all;
}

/** The API server's list, regex and URL additions to CEL that the standard library and `strings` lack. */
export const kubernetesFunctions: CelFunc[] = [
  ...strings,
  celMethod('isSorted', list, [], BOOL, function () {
    const items = [...this].map(ordered);
    return items.every((value, i) => i === 0 || (items[i - 1] as Ordered) <= value);
  }),
  celMethod('sum', list, [], DYN, function () {
    return sum(this);
  }),
  celMethod('min', list, [], DYN, function () {
    return extreme(this, (a, b) => a < b);
  }),
  celMethod('max', list, [], DYN, function () {
    return extreme(this, (a, b) => a > b);
  }),
  celMethod('indexOf', list, [DYN], INT, function (wanted) {
    return position(this, wanted, 'first');
  }),
  celMethod('lastIndexOf', list, [DYN], INT, function (wanted) {
    return position(this, wanted, 'last');
  }),
  celMethod('find', STRING, [STRING], STRING, function (pattern) {
    return found(this, pattern, 1)[0] ?? '';
  }),
  celMethod('findAll', STRING, [STRING], listType(STRING), function (pattern) {
    return celList(found(this, pattern, Infinity));
  }),
  celFunc('isURL', [STRING], BOOL, (text) => URL.canParse(text)),
];

/** RE2, so that `matches` is linear and means what it means on the API server. */
export const re2 = {
  compile(pattern: string): { test(text: string): boolean } {
    const regex = RE2JS.compile(pattern);
    return { test: (text) => regex.matcher(text).find() };
  },
};
