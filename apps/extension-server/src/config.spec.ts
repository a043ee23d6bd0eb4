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

  it.each([
    ['', 104_857_600],
    ['104857600', 104_857_600],
    ['100M', 100_000_000],
    ['1000M', 1_000_000_000],
    ['100Mi', 104_857_600],
    ['1.5Gi', 1_610_612_736],
    ['64k', 64_000],
  ])('MAX_MESSAGE_SIZE %j is %d bytes', (text, bytes) => {
    expect(parseEnv(envSchema, { MAX_MESSAGE_SIZE: text }).MAX_MESSAGE_SIZE).toBe(bytes);
  });

  it.each(['100MB', '-1', '3Gi', '10', 'much'])('refuses MAX_MESSAGE_SIZE %j', (text) => {
    expect(() => parseEnv(envSchema, { MAX_MESSAGE_SIZE: text })).toThrow(/MAX_MESSAGE_SIZE.*"100M"/);
  });

  it('has the documented defaults of grpcServer, and takes durations', () => {
    const env = parseEnv(envSchema, { GRPC_MAX_CONNECTION_IDLE: '1m30s' });
    expect(env).toMatchObject({
      ...{ GRPC_KEEPALIVE_TIME: 30_000, GRPC_KEEPALIVE_TIMEOUT: 5_000 },
      ...{ GRPC_MAX_CONNECTION_IDLE: 90_000, GRPC_MAX_CONNECTION_AGE: 1_800_000 },
    });
    expect(env.MAX_SEND_MESSAGE_SIZE).toBeUndefined();
    expect(() => parseEnv(envSchema, { GRPC_KEEPALIVE_TIME: '30' })).toThrow(/GRPC_KEEPALIVE_TIME.*duration/);
    expect(() => parseEnv(envSchema, { GRPC_KEEPALIVE_TIME: '1ms' })).toThrow(/GRPC_KEEPALIVE_TIME.*1s to 24h/);
  });

  it('names the CAs of HTTPS machines, or none', () => {
    expect(parseEnv(envSchema, {}).UPSTREAM_CA_FILE).toBe('/etc/ssl/certs/ca-certificates.crt');
    expect(parseEnv(envSchema, { UPSTREAM_CA_FILE: 'none' }).UPSTREAM_CA_FILE).toBeUndefined();
    expect(() => parseEnv(envSchema, { UPSTREAM_CA_FILE: 'ca.crt' })).toThrow(/UPSTREAM_CA_FILE: "ca.crt".*absolute/);
  });
});
