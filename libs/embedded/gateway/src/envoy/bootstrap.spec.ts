import { describe, expect, it } from '@jest/globals';
import { splitAddress } from './bootstrap.ts';
import { clusterStats } from './cluster-stats.ts';

describe('splitAddress', () => {
  it.each([
    ['127.0.0.1:5006', { host: '127.0.0.1', port: 5006 }],
    ['[::1]:5006', { host: '::1', port: 5006 }],
    ['extension-server:5006', { host: 'extension-server', port: 5006 }],
  ])('%s', (text, expected) => {
    expect(splitAddress(text)).toEqual(expected);
  });

  it('names what is no address', () => {
    expect(() => splitAddress('::1')).toThrow('"::1" is not host:port');
  });
});

describe('clusterStats', () => {
  it("reads Envoy's page, and leaves out the two clusters that configuration comes from", () => {
    const host = (health: object, stats: object[] = []) => ({
      address: { socket_address: { address: '10.0.0.1', port_value: 80 } },
      stats,
      health_status: health,
    });
    const page = JSON.stringify({
      cluster_statuses: [
        { name: 'xds_cluster', host_statuses: [host({})] },
        { name: 'tsgateway_eds', host_statuses: [host({})] },
        {
          name: 's',
          host_statuses: [
            host({ eds_health_status: 'HEALTHY' }, [
              { name: 'rq_total', value: '7' },
              { name: 'rq_error' },
              { name: 'rq_active', value: '2' },
            ]),
            host({ eds_health_status: 'HEALTHY', failed_outlier_check: true }),
            host({ eds_health_status: 'UNHEALTHY' }),
          ],
        },
        { name: 'empty' },
      ],
    });
    const base = { cluster: 's', address: '10.0.0.1:80', requests: 0, active: 0, errors: 0 };
    expect(clusterStats(page)).toEqual([
      { ...base, requests: 7, active: 2, inRotation: true, healthy: true },
      { ...base, inRotation: true, healthy: false },
      { ...base, inRotation: false, healthy: false },
    ]);
  });
});
