import { expect, test } from 'vitest';
import { compareLines, LINE_CHARACTERS_MAX, matchLines, splitWords } from './words.ts';

/** Changed words in brackets. */
function marked(removed: string, added: string): readonly [string, string] | null {
  const compared = compareLines(removed, added);
  if (compared === null) return null;
  const show = (side: 'removed' | 'added'): string =>
    compared[side].map(({ text, isChanged }) => (isChanged ? `[${text}]` : text)).join('');
  return [show('removed'), show('added')];
}

test.each([
  {
    what: 'a word is another',
    lines: ['line 7 of it', 'line seven of it'],
    marks: ['line [7] of it', 'line [seven] of it'],
  },
  {
    what: 'something is added',
    lines: ['import { a } from b', 'import { a, c } from b'],
    marks: ['import { a } from b', 'import { a[, c] } from b'],
  },
  { what: 'something is taken away', lines: ['f(a, b)', 'f(a)'], marks: ['f(a[, b])', 'f(a)'] },
  { what: 'only the indent', lines: ['\tfoo()', '\t\tfoo()'], marks: ['[\t]foo()', '[\t\t]foo()'] },
  { what: 'only white space at the end', lines: ['foo', 'foo  '], marks: ['foo', 'foo[  ]'] },
  {
    what: 'an operator is one word',
    lines: ['if (a == b) go()', 'if (a === b) go()'],
    marks: ['if (a [==] b) go()', 'if (a [===] b) go()'],
  },
  {
    what: 'scripts without spaces',
    lines: ['日本語です', '日本語でした'],
    marks: ['日本語で[す]', '日本語で[した]'],
  },
  {
    what: 'nothing is cut inside a character',
    lines: ['the whole team 👩‍👩‍👧 of caf e\u0301 x', 'the whole team 👩‍👩‍👦 of caf e x'],
    marks: ['the whole team [👩‍👩‍👧] of caf [e\u0301] x', 'the whole team [👩‍👩‍👦] of caf [e] x'],
  },
  {
    what: 'what stands between two changes is marked with them',
    lines: ['see aa.bb in the file', 'see cc.dd in the file'],
    marks: ['see [aa.bb] in the file', 'see [cc.dd] in the file'],
  },
])('changed words: $what', ({ lines: [removed = '', added = ''], marks }) =>
  expect(marked(removed, added)).toEqual(marks),
);

test('lines that have little in common, or are very long, are not marked', () => {
  expect(marked('return a + b;', 'throw new RangeError("no");')).toBeNull();
  const long = 'word '.repeat(LINE_CHARACTERS_MAX / 5 + 1);
  expect(marked(long, `${long}x`)).toBeNull();
});

test('between lines of hundreds of different words the whole middle is marked, so that the work is bounded', () => {
  const start = 'x'.repeat(900);
  const [from, to] = ['a same '.repeat(130), 'b same '.repeat(130)];
  expect(marked(`${start} ${from}end`, `${start} ${to}end`)).toEqual([
    `${start} [${from.slice(0, -6)}] same end`,
    `${start} [${to.slice(0, -6)}] same end`,
  ]);
  const [few, others] = ['f(a, of, all, a)', 'f(b, of, all, b)'];
  expect(marked(few, others)).toEqual(['f([a], of, all, [a])', 'f([b], of, all, [b])']);
});

test.each([
  {
    what: 'each beside its new version, whatever was added between',
    removed: ['const a = 1;', 'const b = 2;'],
    added: ['// new', 'const a = 10;', '', 'const b = 20;'],
    partners: [1, 3],
  },
  {
    what: 'one without a new version has none',
    removed: ['const a = 1;', 'gone()', 'const b = 2;'],
    added: ['const a = 10;', 'const b = 20;'],
    partners: [0, null, 1],
  },
  {
    what: 'partners never cross',
    removed: ['first(line)', 'second(line)'],
    added: ['second(line, x)', 'first(line, x)'],
    partners: [0, 1],
  },
  { what: 'braces have no partner', removed: ['}'], added: ['call(me);'], partners: [null] },
])('lines are matched: $what', ({ removed, added, partners }) =>
  expect(matchLines(removed, added)).toEqual(partners),
);

test('in a large change lines are matched by place, if there are as many as before', () => {
  const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`);
  expect(matchLines(lines, lines)).toEqual(lines.map((_, index) => index));
  expect(matchLines(lines, [...lines, 'one more'])).toEqual(lines.map(() => null));
});

test('words', () => {
  expect(splitWords('a_b  c1+=x;')).toEqual(['a_b', '  ', 'c1', '+=', 'x', ';']);
  expect(splitWords('über das 日本')).toEqual(['über', ' ', 'das', ' ', '日', '本']);
});
