import { expect, test } from 'vitest';
import { cutToWidth, graphemes, padToWidth, textWidth } from './width.ts';

test.each([
  ['plain', 5],
  ['日本語', 6],
  ['한국어', 6],
  ['ﾊﾝｶｸ', 4],
  ['ＡＢ', 4],
  ['e\u0301', 1],
  ['\u1100\u1161\u11A8', 2],
  ['👍🏽', 2],
  ['👩‍👩‍👧', 2],
  ['🇩🇪', 2],
  ['❤️', 2],
  ['1️⃣', 2],
  ['हिन्दी', 5],
  ['𠮷', 2],
  ['→ … │ ─', 7],
  ['', 0],
])('%s takes %i columns', (text, columns) => expect(textWidth(text)).toBe(columns));

test('a text is cut between characters, never wider than asked, and filled up to a width', () => {
  expect(cutToWidth('plain text', 10)).toBe('plain text');
  expect(cutToWidth('plain text', 6)).toBe('plain…');
  expect(cutToWidth('日本語テキスト', 6)).toBe('日本…');
  expect(cutToWidth('日本語テキスト', 7)).toBe('日本語…');
  expect(cutToWidth('👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧', 4)).toBe('👩‍👩‍👧…');
  expect(cutToWidth('xe\u0301y', 2)).toBe('x…');
  expect(padToWidth('日本', 6)).toBe('日本  ');
  expect(padToWidth('too long', 3)).toBe('too long');
  expect([...graphemes('ae\u0301🇩🇪')]).toEqual(['a', 'e\u0301', '🇩🇪']);
});
