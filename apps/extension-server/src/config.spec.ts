import { describe, expect, it } from '@jest/globals';
import { parseEnv } from '@tsgateway/process';
import { envSchema } from './config.ts';

describe('the environment', () => {
  it.each([
    [{}, ':8080'],
    [{ METRICS_PORT: '9000' }, ':9000'],
    [{ METRICS_PORT: '9000', METRICS_BIND_ADDRESS: '127.0.0.1:8080' }, '127.0.0.1:9000'],
    [{ METRICS_PORT: '9000', METRICS_BIND_ADDRESS: '[::1]:8080' }, '[::1]:9000'],
    [{ METRICS_BIND_ADDRESS: '0' }, '0'],
  ])('METRICS_PORT wins over the port of METRICS_BIND_ADDRESS: %j', (env, address) => {
    expect(parseEnv(envSchema, env).METRICS_BIND_ADDRESS).toBe(address);
  });

  it('names the CAs of HTTPS machines, or none', () => {
    expect(parseEnv(envSchema, {}).UPSTREAM_CA_FILE).toBe('/etc/ssl/certs/ca-certificates.crt');
    expect(parseEnv(envSchema, { UPSTREAM_CA_FILE: 'none' }).UPSTREAM_CA_FILE).toBeUndefined();
    expect(() => parseEnv(envSchema, { UPSTREAM_CA_FILE: 'ca.crt' })).toThrow(/UPSTREAM_CA_FILE: "ca.crt".*absolute/);
  });
});
