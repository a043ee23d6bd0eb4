import { describe, expect, it } from '@jest/globals';
import { healthOf, type Overview } from './overview.ts';
import { changesOf, columns, fitted, tableOf } from './text.ts';

const backend = {
  service: 'default/web',
  strategy: 'weighted',
  backend: 'web-east/web-east-0',
  tier: '',
  weight: '70',
  health: 'healthy',
  requests: '12',
  pid: '4094',
};
const operator = { process: 'operator', state: 'ready', pid: '17', restarts: '' };
const overview: Overview = { backends: [backend], processes: [operator], notes: [] };

describe('columns', () => {
  it('are as wide as their widest cell', () => {
    expect(
      columns([
        ['A', 'LONG', 'B'],
        ['aaa', 'x', 'b'],
        ['', 'y'],
      ]),
    ).toEqual(['A    LONG  B', 'aaa  x     b', '     y']);
  });

  it('are nothing for no rows', () => {
    expect(columns([])).toEqual([]);
  });
});

describe('tableOf', () => {
  it('shows backends, what is wrong, and processes', () => {
    expect(tableOf({ ...overview, notes: ['TailscaleServices default/api: not Ready'] })).toEqual([
      'SERVICE      STRATEGY  BACKEND              TIER  WEIGHT  HEALTH   REQUESTS  PID',
      'default/web  weighted  web-east/web-east-0        70      healthy  12        4094',
      'TailscaleServices default/api: not Ready',
      '',
      'PROCESS   STATE  PID',
      'operator  ready  17',
    ]);
  });
});

describe('changesOf', () => {
  it('says nothing of requests that were counted', () => {
    expect(changesOf(overview, { ...overview, backends: [{ ...backend, requests: '13' }] })).toEqual([]);
  });

  it('says what has changed, come, gone, and become wrong', () => {
    const now: Overview = {
      backends: [
        { ...backend, health: 'OUT', pid: 'killed' },
        { ...backend, backend: 'web-west/web-west-0' },
      ],
      processes: [{ ...operator, state: 'starting', pid: '18', restarts: 'restarted 1x' }],
      notes: ['a note'],
    };
    expect(changesOf(overview, now)).toEqual([
      'default/web web-east/web-east-0: health healthy -> OUT, pid 4094 -> killed',
      'default/web web-west/web-west-0: new',
      'operator: state ready -> starting, pid 17 -> 18, restarts - -> restarted 1x',
      'a note',
    ]);
    expect(changesOf(now, { ...now, backends: now.backends.slice(0, 1) })).toEqual([
      'default/web web-west/web-west-0: gone',
    ]);
  });
});

describe('fitted', () => {
  const lines = ['one', 'a long line', 'three', 'four'];

  it('leaves what fits, with a line for the cursor', () => {
    expect(fitted(lines, { columns: 80, rows: 5 })).toEqual(lines);
  });

  it('cuts lines to the width and says how many it leaves out', () => {
    expect(fitted(lines, { columns: 6, rows: 4 })).toEqual(['one', 'a lon…', '... 2…']);
    expect(fitted(lines, { columns: 80, rows: 4 })).toEqual(['one', 'a long line', '... 2 more lines']);
  });
});

describe('healthOf', () => {
  it.each([
    ['unknown', undefined],
    ['OUT', []],
    ['OUT', [{ inRotation: false, healthy: false }]],
    ['EJECTED', [{ inRotation: true, healthy: false }]],
    ['healthy', [{ inRotation: true, healthy: true }]],
  ])('%s', (health, own) => {
    expect(healthOf(own)).toBe(health);
  });
});
