/** Where the keys of a TOML file stand, also in the odd corners of its syntax. */

import * as fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { expect, test } from 'vitest';
import { type Path, positionAt } from './document.ts';
import { locateTomlKeys } from './toml-positions.ts';

function at(text: string, path: Path, part: 'key' | 'value' = 'key'): string {
  const { line, column } = positionAt(text, locateTomlKeys(text).locate(path, part));
  return `${line}:${column}`;
}

test('keys and values are found in tables, dotted keys, lists of tables, inline tables and lists', () => {
  const text = [
    '# a comment with a = 1 in it',
    'a = 1 # [not.a.table]',
    'b.c . "d e"=  [ 1, "]", # ]',
    '  { f = 2 , g = [ [3], 4 ] }, 1979-05-27 07:32:00Z ]',
    '[ h . i ]',
    "'j' = '''",
    "k = 1''''' # two of these quotes belong to the text",
    'l = """\\"" = """',
    '[[m]]',
    'n = "\\"#"',
    '[[m]]',
    '[m.o]',
    'p = true',
    '[[m.q]]',
    '"\\u0072" = 1e5',
  ].join('\r\n');
  parse(text);
  expect(at(text, ['a'])).toBe('2:1');
  expect(at(text, ['a'], 'value')).toBe('2:5');
  expect(at(text, ['b'])).toBe('3:1');
  expect(at(text, ['b', 'c'])).toBe('3:3');
  expect(at(text, ['b', 'c', 'd e'])).toBe('3:7');
  expect(at(text, ['b', 'c', 'd e'], 'value')).toBe('3:15');
  expect(at(text, ['b', 'c', 'd e', 1])).toBe('3:20');
  expect(at(text, ['b', 'c', 'd e', 2, 'g'])).toBe('4:13');
  expect(at(text, ['b', 'c', 'd e', 2, 'g', 0, 0])).toBe('4:20');
  expect(at(text, ['b', 'c', 'd e', 3])).toBe('4:31');
  expect(at(text, ['h'])).toBe('5:1');
  expect(at(text, ['h', 'i', 'j'], 'value')).toBe('6:7');
  expect(at(text, ['h', 'i', 'l'])).toBe('8:1');
  expect(at(text, ['m', 0])).toBe('9:1');
  expect(at(text, ['m', 0, 'n'])).toBe('10:1');
  expect(at(text, ['m', 1])).toBe('11:1');
  expect(at(text, ['m', 1, 'o', 'p'])).toBe('13:1');
  expect(at(text, ['m', 1, 'q', 0, 'r'], 'value')).toBe('15:12');
});

test('what is not in the file is where the table around it begins, and in the end the file', () => {
  expect(at('\n[a]\n', ['a', 'b', 'c'])).toBe('2:1');
  expect(at('\n[a]\n', ['b'])).toBe('1:1');
});

test('in any file that the parser accepts, each value is found at its own text', () => {
  const leaf = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean());
  const key = fc
    .oneof(fc.string({ minLength: 1 }), fc.constantFrom('a', 'b.c', '"', "'", '#', ' ', '[x]'))
    .filter((name) => name !== '__proto__');
  const table = fc.letrec<{ table: Record<string, unknown>; value: unknown }>((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('value'), { maxLength: 3 }), tie('table')),
    table: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  })).table;
  fc.assert(
    fc.property(table, (written) => {
      const text = stringify(written);
      const offsets = locateTomlKeys(text);
      for (const [path, value] of leavesOf(parse(text))) {
        const found = text.slice(offsets.locate(path, 'value'));
        const literal = stringify({ value }).slice('value = '.length).trimEnd();
        expect(found.startsWith(literal), `${path.join('.')} in\n${text}`).toBe(true);
      }
    }),
    { numRuns: 150 },
  );
});

function leavesOf(value: unknown, path: Path = []): readonly (readonly [Path, unknown])[] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) =>
    leavesOf(inner, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}
