import { describe, expect, it } from '@jest/globals';
import { parseOptions } from './options.ts';

describe('parseOptions', () => {
  it.each([
    ['up', { command: 'up', name: 'default', level: 'api' }],
    ['up --level node --name x', { command: 'up', name: 'x', level: 'node' }],
    ['down --name x', { command: 'down', name: 'x' }],
    ['status', { command: 'status', name: 'default' }],
    ['kubeconfig --content', { command: 'kubeconfig', name: 'default', content: true }],
    ['build -t app:1 .', { command: 'build', image: 'app:1', file: 'Dockerfile', context: '.' }],
    [
      'build --tag app:1 --file x/Dockerfile .',
      { command: 'build', image: 'app:1', file: 'x/Dockerfile', context: '.' },
    ],
    ['load app:1 --name x', { command: 'load', name: 'x', image: 'app:1' }],
    ['--help', { command: 'help' }],
    ['up -h', { command: 'help' }],
  ])('%s', (line, options) => {
    expect(parseOptions(line.split(' '))).toEqual(options);
  });

  it.each([
    ['', 'which command? (--help lists them)'],
    ['start', '"start": no such command (--help lists them)'],
    ['up down', '"down": one command at a time'],
    ['up --level pod', '--level: "pod" is none of api, node'],
    ['down --level api', '--level: belongs to up'],
    ['up --content', '--content: belongs to kubeconfig'],
    ['load app:1 --tag app:2', '--tag: belongs to build'],
    ['build .', '--tag: what is the image to be called?'],
    ['build -t app:1', 'build: which folder is the context?'],
    ['load', 'load: which image?'],
    ['load app:1 app:2', '"app:2": one command at a time'],
    ['up --name ../x', '--name: "../x" is not up to 32 lower-case letters, digits and dashes'],
    ['up --force', "Unknown option '--force' (--help lists the flags)"],
  ])('refuses "%s"', (line, message) => {
    expect(() => parseOptions(line.split(' ').filter((word) => word !== ''))).toThrow(message);
  });
});
