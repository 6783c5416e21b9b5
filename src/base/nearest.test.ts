import { expect, test } from 'vitest';
import { parseDuration } from './duration.ts';
import { findNearest } from './nearest.ts';

const KEYS = ['agent', 'agents', 'model', 'no_progress', 'retries'];

test('a slip of the fingers is understood, another word is not', () => {
  expect(findNearest('agnet', KEYS)).toBe('agent');
  expect(findNearest('agent', KEYS)).toBe('agent');
  expect(findNearest('agnets', KEYS)).toBe('agents');
  expect(findNearest('noProgress', KEYS)).toBe('no_progress');
  expect(findNearest('NO-PROGRES', KEYS)).toBe('no_progress');
  expect(findNearest('modell', KEYS)).toBe('model');
  expect(findNearest('moodle', KEYS)).toBe('model');
  for (const word of ['', 'x', 'mod', 'timeout', 'agent'.repeat(20)])
    expect(findNearest(word, KEYS)).toBeUndefined();
  expect(findNearest('x', [])).toBeUndefined();
});

test('a duration is a number above zero with s, m or h; a bare one is seconds', () => {
  for (const [text, ms] of [
    ['90s', 90_000],
    ['90', 90_000],
    ['30m', 1_800_000],
    ['2h', 7_200_000],
    ['007m', 420_000],
  ] as const)
    expect(parseDuration(text)).toBe(ms);
  for (const text of ['', '0', '0h', '-1s', '1.5h', '2 h', '2H', '1d', '2h30m', '12345678', ' 1s', '1s\n'])
    expect(parseDuration(text), text).toBeUndefined();
});
