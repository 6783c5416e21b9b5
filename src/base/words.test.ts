import { spawnSync } from 'node:child_process';
import { assert, property, string } from 'fast-check';
import { expect, test } from 'vitest';
import { quoteWord, splitWords } from './words.ts';

test.each([
  ['code --wait', ['code', '--wait']],
  ['  vim  -c "set nu" ', ['vim', '-c', 'set nu']],
  [String.raw`"/opt/My Editor/bin" a\ b 'it''s'`, ['/opt/My Editor/bin', 'a b', 'its']],
  [String.raw`"a \"b\" \n"`, [String.raw`a "b" \n`]],
  ['$(touch x) `y` ; rm', ['$(touch', 'x)', '`y`', ';', 'rm']],
  ["''", ['']],
  ['', []],
  ['vim "unclosed', undefined],
])('a line is taken apart into words, and nothing in it is expanded: %s', (line, words) => {
  expect(splitWords(line)).toEqual(words);
});

test('a quoted word comes back whole, from here and from a real shell', () => {
  assert(
    property(
      string().filter((word) => !word.includes('\0')),
      (word) => {
        expect(splitWords(quoteWord(word))).toEqual([word]);
      },
    ),
  );
  for (const word of ['plain', "it's", '$(x) `y` "z"', 'a\nb', '', '-n', '~', '*', '!']) {
    const { stdout } = spawnSync('sh', ['-c', `printf '%s|' ${quoteWord(word)}`], { encoding: 'utf8' });
    expect(stdout).toBe(`${word}|`);
  }
});
