import { expect, test } from 'vitest';
import {
  renderDuration,
  renderPath,
  renderVisible,
  renderVisibleLines,
  renderVisibleOutput,
  splitBytes,
} from './text.ts';

test('everything that acts on a terminal or hides is spelt out, and ordinary text of any language stays', () => {
  expect(renderVisible('a\u001B[2J\u0007\r\n\t\u009Bx\u202E\u200B\uFEFF\u2028')).toBe(
    String.raw`a\e[2J\x07\r\n\t\x9bx\u{202e}\u{200b}\u{feff}\u{2028}`,
  );
  const ordinary = 'Łódź 日本語 مرحبا हिन्दी 👩‍👩‍👧 🏳️‍🌈 👍🏽 ü — “x”';
  expect(renderVisible(ordinary)).toBe(ordinary);
  // A joiner that joins no emoji hides in an identifier.
  expect(renderVisible('adm\u200Din')).toBe(String.raw`adm\u{200d}in`);
  expect(renderVisibleLines('a\n\tb\u001B')).toBe('a\n\tb\\e');
});

test("an agent's colours stay, its cursor moves do not", () => {
  expect(renderVisibleOutput('\u001B[1;31mred\u001B[0m\u001B[2K\u001B]0;t\u0007\r\nx\rprogress')).toBe(
    '\u001B[1;31mred\u001B[0m\\e[2K\\e]0;t\\x07\n\nx\nprogress',
  );
});

test('paths show every byte', () => {
  expect(renderPath(Buffer.from('plain/ünï'))).toBe('plain/ünï');
  expect(renderPath(Buffer.from([0x61, 0xff, 0x0a]))).toBe(String.raw`a\xff\x0a`);
});

test('bytes are split without an empty end', () => {
  expect(splitBytes(Buffer.from('a\0\0b\0'), 0).map(String)).toEqual(['a', '', 'b']);
  expect(splitBytes(Buffer.from('a'), 0).map(String)).toEqual(['a']);
  expect(splitBytes(Buffer.alloc(0), 0)).toEqual([]);
});

test('durations in their largest units', () => {
  expect(
    [0, 999, 59_000, 60_000, 61_000, 600_000, 3_600_000, 3_660_000, 90_000_000, -5].map(renderDuration),
  ).toEqual([...['0s', '0s', '59s', '1m', '1m 1s', '10m', '1h', '1h 1m', '1d', '0s']]);
});
