import { describe, expect, it } from '@jest/globals';
import { deviceListWire, magicDnsSuffix, vipServiceWire } from './wire.ts';

const NOW = Date.parse('2025-06-25T10:30:00Z');

describe('wire formats', () => {
  it('reads null lists as absent and keeps unknown fields', () => {
    expect(vipServiceWire.parse({ name: 'svc:web', addrs: ['100.64.0.1'], tags: null, extra: { a: 1 } })).toEqual({
      name: 'svc:web',
      addrs: ['100.64.0.1'],
      extra: { a: 1 },
    });
  });

  it('takes a device as connected when the API says so, else when it was seen lately', () => {
    const devices = [
      { id: '1', connectedToControl: true },
      { id: '2', lastSeen: '2025-06-25T10:28:00Z' },
      { id: '3', lastSeen: '2025-06-25T09:00:00Z' },
      { id: '4' },
    ];
    const parsed = deviceListWire(NOW).parse({ devices }).devices;
    expect(parsed.map((device) => device.connected)).toEqual([true, true, false, false]);
  });

  it('tells the MagicDNS suffix by the tailnet’s own devices', () => {
    const named = (name: string, external = false) => ({
      ...deviceListWire(NOW).parse({ devices: [{ id: name }] }).devices[0]!,
      name,
      external,
    });
    expect(
      magicDnsSuffix([
        named('a.other.ts.net', true),
        named('b.other.ts.net', true),
        named('web.mine.ts.net.'),
        named('x'),
      ]),
    ).toBe('mine.ts.net');
    expect(magicDnsSuffix([])).toBe('');
  });
});
