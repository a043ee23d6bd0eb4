import { describe, expect, it } from '@jest/globals';
import { fullImageName } from './image-name.ts';

describe('an image name in full', () => {
  it.each([
    ['app', 'docker.io/library/app:latest'],
    ['node:24-bookworm-slim', 'docker.io/library/node:24-bookworm-slim'],
    ['team/app:1', 'docker.io/team/app:1'],
    ['docker.io/library/node:24', 'docker.io/library/node:24'],
    ['localhost/pause:1', 'localhost/pause:1'],
    ['localhost:5000/app', 'localhost:5000/app:latest'],
    ['registry.example/app@sha256:0123', 'registry.example/app@sha256:0123'],
  ])('%s is %s', (name, full) => {
    expect(fullImageName(name)).toBe(full);
  });
});
