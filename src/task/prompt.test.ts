import { expect, test } from 'vitest';
import { PhasrError } from '../base/errors.ts';
import { parsePromptInput, PROMPT_INPUT_BYTES_MAX } from './prompt.ts';

const parse = (input: string | Uint8Array, lines = false): readonly string[] =>
  parsePromptInput(Buffer.from(input), { lines });

test('the whole of standard input is one prompt, without its last newlines', () => {
  expect(parse('fix it\n')).toEqual(['fix it']);
  expect(parse('\uFEFF# Task\r\n\r\n  - one\r\n\r\n')).toEqual(['# Task\r\n\r\n  - one']);
});

test('with lines each line that is not blank is a prompt', () => {
  expect(parse('one\r\n\n  two \n\t\nthree', true)).toEqual(['one', 'two', 'three']);
});

test('what holds no prompt, or none that a program could get, is refused', () => {
  for (const [input, message] of [
    ['', 'standard input has no prompt'],
    [' \n\t\n', 'standard input has no prompt'],
    ['a\0b', 'standard input has NUL characters'],
    [Buffer.from([0xff, 0x41]), 'standard input is not UTF-8 text'],
    ['x'.repeat(PROMPT_INPUT_BYTES_MAX + 1), 'standard input has more than 4 MiB'],
  ] as const) {
    for (const lines of [true, false]) {
      expect(() => parse(input, lines)).toThrow(PhasrError);
      expect(() => parse(input, lines)).toThrow(message);
    }
  }
});
