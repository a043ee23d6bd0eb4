import { describe, expect, it } from '@jest/globals';
import { parseOptions, UsageError } from './options.ts';

describe('parseOptions', () => {
  it('has defaults for everything', () => {
    expect(parseOptions([])).toEqual({
      files: ['examples/quickstart'],
      once: false,
      json: false,
      gatewayPort: undefined,
      dataPlane: 'auto',
      requests: 1000,
      help: false,
    });
  });

  it('takes each flag, and --file more than once', () => {
    const argv = '--file a --file b --once --json --gateway-port 8000 --data-plane node --requests 50000'.split(' ');
    expect(parseOptions(argv)).toMatchObject({
      files: ['a', 'b'],
      once: true,
      json: true,
      gatewayPort: 8000,
      dataPlane: 'node',
      requests: 50_000,
    });
  });

  it.each([
    [['--gateway-port', '0'], /--gateway-port: "0".*1 to 65535/],
    [['--gateway-port', 'http'], /--gateway-port: "http"/],
    [['--requests', '1e3'], /--requests: "1e3"/],
    [['--data-plane', 'nginx'], /--data-plane: "nginx" is none of envoy, node, auto/],
    [['--json'], /--json: needs --once/],
    [['--nope'], /--nope.*--help/],
    [['stray'], /stray.*--help/],
    [['--file'], /--file.*--help/],
  ])('refuses %j in one line that says what to do', (argv, message) => {
    const attempt = () => parseOptions(argv);
    expect(attempt).toThrow(UsageError);
    expect(attempt).toThrow(message);
    expect(attempt).not.toThrow(/\n/);
  });
});
