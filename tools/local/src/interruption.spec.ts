import { describe, expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import { onInterruption } from './interruption.ts';

function started() {
  const source = Object.assign(new EventEmitter(), { stdout: new EventEmitter(), stderr: new EventEmitter() });
  const heard: string[] = [];
  let nowMs = 0;
  onInterruption(source as unknown as NodeJS.Process, {
    onFirst: (why) => heard.push(`${why.message}: ${why.exitCode}`),
    onAgain: () => heard.push('again'),
    now: () => nowMs,
  });
  return { source, heard, at: (ms: number) => (nowMs = ms) };
}

describe('onInterruption', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ])('%s ends with %d', (signal, code) => {
    const { source, heard } = started();
    source.emit(signal);
    expect(heard).toEqual([`interrupted by ${signal}: ${code}`]);
  });

  it('takes the two signals of one Ctrl-C under npm for one, and a later one for impatience', () => {
    const { source, heard, at } = started();
    source.emit('SIGINT');
    at(20);
    source.emit('SIGINT');
    expect(heard).toHaveLength(1);
    at(900);
    source.emit('SIGINT');
    expect(heard).toEqual(['interrupted by SIGINT: 130', 'again']);
  });

  it('ends when nobody reads any more', () => {
    const { source, heard } = started();
    source.stdout.emit('error', new Error('EPIPE'));
    expect(heard).toEqual(['interrupted by SIGHUP: 129']);
  });
});
