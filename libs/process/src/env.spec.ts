import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';

import { ConfigError, parseBindAddress, parseEnv } from './index.ts';

const schema = z.object({
  OPERATOR_ADDRESS: z.string(),
  GRPC_PORT: z.coerce.number().int().min(1).max(65_535).default(5030),
  TAILSCALE_CLIENT_SECRET: z.string().startsWith('tskey-').optional(),
});

describe('parseEnv', () => {
  it('merges the own keys with the common ones and their defaults; an empty variable is unset', () => {
    const env = parseEnv(schema, {
      OPERATOR_ADDRESS: 'operator:5010',
      LOG_LEVEL: '',
      METRICS_BIND_ADDRESS: '0',
      HOME: '/',
    });
    expect(env).toMatchObject({
      OPERATOR_ADDRESS: 'operator:5010',
      GRPC_PORT: 5030,
      BIND_HOST: '0.0.0.0',
      METRICS_BIND_ADDRESS: '0',
      HEALTH_PROBE_BIND_ADDRESS: ':8081',
      LOG_LEVEL: 'info',
      POD_NAMESPACE: 'tailscale-gateway-system',
    });
    expect(env).not.toHaveProperty('HOME');
    expect(env.POD_NAME).not.toBe('');
  });

  it.each([
    [{}, 'environment variable OPERATOR_ADDRESS is missing; set it'],
    [{ OPERATOR_ADDRESS: 'a', GRPC_PORT: '70000' }, /GRPC_PORT: "70000" is no good: too big: .*65535/],
    [{ OPERATOR_ADDRESS: 'a', LOG_LEVEL: 'loud' }, /LOG_LEVEL: "loud" .*"debug"\|"info"\|"warn"\|"error"/],
    [{ OPERATOR_ADDRESS: 'a', METRICS_BIND_ADDRESS: '8080' }, /METRICS_BIND_ADDRESS: "8080" .* e\.g\. ":8080"/],
    [{ GRPC_PORT: 'x', LOG_FORMAT: 'xml' }, /OPERATOR_ADDRESS.*; .*GRPC_PORT.*; .*LOG_FORMAT/],
  ])('names what is wrong with %j, in one line', (raw, message) => {
    expect(() => parseEnv(schema, raw)).toThrow(ConfigError);
    expect(() => parseEnv(schema, raw)).toThrow(message);
    expect(() => parseEnv(schema, raw)).not.toThrow(/\n/);
  });

  it('shows no secret', () => {
    const raw = { OPERATOR_ADDRESS: 'a', TAILSCALE_CLIENT_SECRET: 'hunter2' };
    expect(() => parseEnv(schema, raw)).toThrow(/TAILSCALE_CLIENT_SECRET: its value \(hidden\)/);
    expect(() => parseEnv(schema, raw)).not.toThrow(/hunter2/);
  });
});

describe('parseBindAddress', () => {
  it.each([
    [':8080', { host: '127.0.0.1', port: 8080 }],
    ['0.0.0.0:80', { host: '0.0.0.0', port: 80 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    [':0', { host: '127.0.0.1', port: 0 }],
    ['0', undefined],
  ])('reads %s', (text, address) => {
    expect(parseBindAddress(text, '127.0.0.1')).toEqual(address);
  });

  it.each(['8080', ':', ':65536', 'host:http', ''])('refuses "%s"', (text) => {
    expect(() => parseBindAddress(text, '127.0.0.1')).toThrow(ConfigError);
  });
});
