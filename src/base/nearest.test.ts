import { expect, test } from 'vitest';
import { nearestWord } from './nearest.ts';

const WORDS = ['run', 'list', 'show', 'stop', 'discard', 'merge', 'doctor'];

test.each([
  ['lst', 'list'],
  ['sohw', 'show'],
  ['disc', 'discard'],
  ['discrad', 'discard'],
  ['mergee', 'merge'],
  ['rn', 'run'],
  ['nonsense', undefined],
  ['x', undefined],
  ['', undefined],
  ['fix the typo', undefined],
])('a slip is forgiven, a different word is not: %s → %s', (typed, meant) => {
  expect(nearestWord(typed, WORDS)).toBe(meant);
});
