import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { localArguments } from './proxy-bootstrap.ts';

const address = (host: string, port: number) => `{socket_address: {address: ${host}, port_value: ${port}}}`;
const cluster = (name: string, at: string) =>
  `{name: ${name}, type: STRICT_DNS, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: ${at}}}]}]}}`;

const bootstrap = `
admin: {address: ${address('127.0.0.1', 19000)}}
node: {locality: {zone: $(ENVOY_SERVICE_ZONE)}}
static_resources:
  listeners:
  - {name: envoy-gateway-proxy-stats-0.0.0.0-19001, address: ${address('0.0.0.0', 19001)}}
  clusters:
  - ${cluster('prometheus_stats', address('127.0.0.1', 19000))}
  - ${cluster('xds_cluster', address('envoy-gateway.svc.', 18000))}
  - ${cluster('tsgateway_eds', address('extension-server', 5006))}
sds: /sds/xds-trusted-ca.json
`;
const place = { podName: 'envoy-0', adminPort: 1, statsPort: 2, sdsDir: '/run/sds' };

describe('localArguments', () => {
  const args = localArguments(
    ['--service-node', '$(ENVOY_POD_NAME)', '--config-yaml', bootstrap, '--cpuset-threads', '--log-level', 'warn'],
    place,
  );

  it('are those of the pod, but for what a pod has and a process has not', () => {
    expect(args.filter((_, i) => i !== 3)).toEqual([
      ...['--service-node', 'envoy-0', '--config-yaml', '--log-level', 'warn'],
      ...['--concurrency', '2', '--disable-hot-restart'],
    ]);
  });

  it('move what collides on one machine, find Envoy Gateway there, and leave the rest as it is', () => {
    const at = (host: string, port: number) => ({ socket_address: { address: host, port_value: port } });
    const to = (name: string, type: string, where: object) => ({
      ...{ name, type, load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { address: where } }] }] } },
    });
    expect(parse(args[3] ?? '')).toEqual({
      admin: { address: at('127.0.0.1', 1) },
      node: { locality: { zone: '' } },
      static_resources: {
        listeners: [{ name: 'envoy-gateway-proxy-stats-0.0.0.0-19001', address: at('127.0.0.1', 2) }],
        clusters: [
          to('prometheus_stats', 'STRICT_DNS', at('127.0.0.1', 1)),
          to('xds_cluster', 'STATIC', at('127.0.0.1', 18000)),
          to('tsgateway_eds', 'STRICT_DNS', at('extension-server', 5006)),
        ],
      },
      sds: '/run/sds/xds-trusted-ca.json',
    });
  });
});
