import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { createLogger } from './index.ts';
import type { Logger, LoggerOptions } from './index.ts';

function capture(options: Partial<LoggerOptions> = {}): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const log = createLogger({
    name: 'demo',
    level: 'debug',
    format: 'json',
    write: (line) => lines.push(line),
    now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    ...options,
  });
  return { log, lines };
}

const parsed = (line: string | undefined): Record<string, unknown> =>
  JSON.parse(line ?? 'no line was written') as Record<string, unknown>;

describe('json lines', () => {
  it('hold ts, level, logger and msg first, then the fields, then what stands on every line', () => {
    const { log, lines } = capture({ fields: { component: 'tailscale-gateway', version: 'v1', cluster: undefined } });
    log.child('probe').warn({ target: 'a', count: 2n }, 'Failed');
    expect(lines).toEqual([
      '{"ts":"2026-01-02T03:04:05.678000000Z","level":"WARN","logger":"demo.probe","msg":"Failed",' +
        '"target":"a","count":"2","component":"tailscale-gateway","version":"v1"}\n',
    ]);
  });

  it('hold errors with type, message, stack, their own fields, and causes', () => {
    const { log, lines } = capture();
    const cause = new TypeError('inner');
    log.error({ err: Object.assign(new Error('outer', { cause }), { code: 14 }) }, 'Failed');
    expect(parsed(lines[0])['err']).toEqual({
      type: 'Error',
      message: 'outer',
      code: 14,
      stack: expect.stringContaining('logger.spec'),
      cause: { type: 'TypeError', message: 'inner', stack: expect.any(String) },
    });
  });

  it('hide secrets, by name at any depth and inside texts, and nothing else', () => {
    const { log, lines } = capture();
    log.info(
      {
        headers: { Authorization: 'Basic abc', 'set-cookie': ['a=b'], accept: 'text/plain' },
        client_secret: 's3cret',
        list: [{ accessToken: 's3cret', authKey: 's3cret', token: 's3cret' }],
        oauthSecretName: 'visible',
        tokens: 3,
        err: new Error('401 for Bearer s3cretBearer with tskey-auth-s3cret'),
      },
      'called with tskey-client-s3cret',
    );
    expect(lines[0]).not.toContain('s3cret');
    expect(lines[0]).not.toContain('a=b');
    expect(parsed(lines[0])).toMatchObject({
      msg: 'called with [redacted]',
      headers: { Authorization: '[redacted]', accept: 'text/plain' },
      oauthSecretName: 'visible',
      tokens: 3,
    });
  });

  it('are one line of JSON whatever they are given, with a head that fields cannot forge', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.anything({ withBigInt: true })), fc.string(), (fields, msg) => {
        const { log, lines } = capture();
        log.info({ level: 'FORGED', ts: 0, ...fields }, msg);
        expect(lines).toHaveLength(1);
        expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
        expect(
          Object.keys(parsed(lines[0]))
            .filter((k) => !/^\d+$/.test(k))
            .slice(0, 4),
        ).toEqual(['ts', 'level', 'logger', 'msg']);
        expect(parsed(lines[0])['level']).toBe('INFO');
      }),
    );
  });

  it('lose the fields, not the line, when these refer to themselves', () => {
    const { log, lines } = capture();
    const fields: Record<string, unknown> = {};
    fields['self'] = fields;
    log.info(fields, 'Round');
    expect(parsed(lines[0])).toMatchObject({ msg: 'Round', logProblem: expect.stringContaining('circular') });
  });
});

describe('levels and sampling', () => {
  it('write what is at least as severe as the level', () => {
    const { log, lines } = capture({ level: 'warn' });
    for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]({}, level);
    expect(lines.map((line) => parsed(line)['msg'])).toEqual(['warn', 'error']);
  });

  it('write 10 of 1000 debug lines at a rate of 100, over all children, and every error', () => {
    const { log, lines } = capture({ sampling: { debug: 100 } });
    const child = log.child('child');
    for (let i = 0; i < 500; i++) {
      log.debug({}, 'd');
      child.debug({}, 'd');
      log.error({}, 'e');
      child.error({}, 'e');
    }
    expect(lines.filter((line) => line.includes('DEBUG'))).toHaveLength(10);
    expect(lines.filter((line) => line.includes('ERROR'))).toHaveLength(1000);
  });
});

describe('console lines', () => {
  it('are for human eyes, and hide secrets, too', () => {
    const { log, lines } = capture({ format: 'console' });
    log.info({ port: 5030, target: 'http://a/b', names: ['x y'], token: 's3cret', none: undefined }, 'Serving');
    log.error({ err: new Error('Bearer s3cretBearer') }, 'Failed');
    expect(lines[0]).toBe(
      '03:04:05.678 INFO  demo: Serving port=5030 target=http://a/b names=["x y"] token="[redacted]"\n',
    );
    expect(lines[1]).toMatch(/^03:04:05\.678 ERROR demo: Failed\nError: \[redacted\]\n/);
  });
});
