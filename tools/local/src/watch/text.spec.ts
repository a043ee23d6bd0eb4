import { describe, expect, it } from '@jest/globals';
import { healthOf, type Overview } from './overview.ts';
import { changesOf, columns, fitted, tableOf } from './text.ts';

const backend = {
  backend: 'web-east/web-east-0',
  health: 'healthy',
  requests: '12',
  pid: '4094',
  weight: '70',
  tier: '',
};
const service = { service: 'default/web', strategy: 'weighted', note: '', backends: [backend] };
const operator = { process: 'operator', state: 'ready', pid: '17', restarts: '' };
const overview: Overview = { services: [service], processes: [operator] };

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
  it('shows services with their backends and what is wrong, and processes', () => {
    const api = {
      service: 'default/api',
      strategy: 'failover',
      note: 'not Ready',
      backends: [{ ...backend, backend: 'api/0', tier: 'primary *' }],
    };
    expect(tableOf({ ...overview, services: [api, service] })).toEqual([
      'BACKEND                HEALTH   REQUESTS  PID   WEIGHT  TIER',
      'default/api: failover',
      '  not Ready',
      '  api/0                healthy  12        4094  70      primary *',
      'default/web: weighted',
      '  web-east/web-east-0  healthy  12        4094  70',
      '',
      'PROCESS   STATE  PID',
      'operator  ready  17',
    ]);
  });
});

describe('changesOf', () => {
  const withBackends = (...backends: (typeof backend)[]): Overview => ({
    ...overview,
    services: [{ ...service, backends }],
  });

  it('says nothing of requests that were counted', () => {
    expect(changesOf(overview, withBackends({ ...backend, requests: '13' }))).toEqual([]);
  });

  it('says what has changed, come and gone', () => {
    const now: Overview = {
      services: [
        {
          ...service,
          note: 'not Ready',
          backends: [
            { ...backend, health: 'OUT', pid: 'killed' },
            { ...backend, backend: 'web-west/web-west-0' },
          ],
        },
      ],
      processes: [{ ...operator, state: 'starting', pid: '18', restarts: 'restarted 1x' }],
    };
    expect(changesOf(overview, now)).toEqual([
      'default/web: note - -> not Ready',
      'default/web web-east/web-east-0: health healthy -> OUT, pid 4094 -> killed',
      'default/web web-west/web-west-0: new',
      'operator: state ready -> starting, pid 17 -> 18, restarts - -> restarted 1x',
    ]);
    expect(changesOf(now, overview)).toContain('default/web web-west/web-west-0: gone');
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
