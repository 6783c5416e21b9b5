/** Patches as people see them: from git's own output to the text on the terminal. */

import pc from 'picocolors';
import { expect, test } from 'vitest';
import type { Output } from '../output.ts';
import { textWidth } from '../width.ts';
import { renderGitForm } from './git-form.ts';
import { parseFileHeader } from './header.ts';
import { PIECE_BYTES_MAX, splitLines } from './lines.ts';
import { parsePatch, type PatchPart } from './parse.ts';
import { renderSideBySide } from './side-by-side.ts';
import { renderUnified } from './unified.ts';

const RED = '\u001B[31m';
const output = (isColored: boolean): Output =>
  ({ color: pc.createColors(isColored), width: () => 81 }) as unknown as Output;

async function* chunks(text: string | Buffer, size = 7): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text as string);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const joined = async (pieces: AsyncIterable<string>): Promise<string> => (await collect(pieces)).join('');
const plain = (text: string): string => text.replaceAll(/\u001B\[\d+m/g, '');
/** Marked words in brackets. */
const marks = (text: string): string =>
  plain(text.replaceAll('\u001B[7m', '[').replaceAll('\u001B[27m', ']'));

function render(layout: string, patch: AsyncIterable<Buffer>): AsyncGenerator<string> {
  if (layout === 'git') return renderGitForm(patch, output(true));
  return layout === 'unified'
    ? renderUnified(patch, output(true))
    : renderSideBySide(patch, output(true), 300);
}

const PATCH = [
  'diff --git a/src/a.ts b/src/a.ts',
  'index 1111111..2222222 100644',
  '--- a/src/a.ts',
  '+++ b/src/a.ts',
  '@@ -8,4 +8,5 @@ function f() {',
  ' \tone',
  '-\tlet sum = 0;',
  '+\tlet sum = 1;',
  '+\tadded();',
  ' two',
  '--- a line that looks like a header',
  '+++ so does this one',
  '\\ No newline at end of file',
  'diff --git a/old name b/new name',
  'similarity index 80%',
  'rename from old name',
  'rename to new name',
  '--- a/old name\t',
  '+++ b/new name\t',
  '@@ -1 +1 @@',
  '-x',
  '+y',
  '',
].join('\n');

test('unified: headers say what happened, changed words are marked, lines that look like headers are lines', async () => {
  const text = await joined(renderUnified(chunks(PATCH), output(true)));
  expect(marks(text)).toBe(
    [
      `── src/a.ts ${'─'.repeat(68)}`,
      '@@ -8,4 +8,5 @@ function f() {',
      ' \tone',
      '-\tlet sum = [0];',
      '+\tlet sum = [1];',
      '+\tadded();',
      ' two',
      '--- a line that looks like a header',
      '+++ so does this one',
      '\\ No newline at end of file',
      '',
      `── renamed old name → new name (80% the same) ${'─'.repeat(34)}`,
      '@@ -1 +1 @@',
      '-x',
      '+y',
      '',
    ].join('\n'),
  );
  expect(text).toContain(`${RED}-`);
});

test('side by side: line numbers, partners in one row, long lines wrapped, every row within the width', async () => {
  const text = await joined(renderSideBySide(chunks(PATCH), output(true), 63));
  expect(marks(text)).toBe(
    [
      `── src/a.ts ${'─'.repeat(51)}`,
      '@@ -8,4 +8,5 @@ function f() {',
      '   8       one                 │    8       one',
      '   9 -     let sum = [0];        │    9 +     let sum = [1];',
      '                               │   10 +     added();',
      '  10   two                     │   11   two',
      '  11 - -- a line that looks li │   12 + ++ so does this one',
      '       ke a header             │',
      String.raw`                               │        \ No newline at end of `,
      '                               │        file',
      '',
      `── renamed old name → new name (80% the same) ${'─'.repeat(17)}`,
      '@@ -1 +1 @@',
      '   1 - x                       │    1 + y',
      '',
    ].join('\n'),
  );
  for (const line of plain(text).split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(63);
});

test('side by side: a new file has all the room', async () => {
  const patch =
    'diff --git a/n b/n\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/n\n@@ -0,0 +1,2 @@\n+one\n+two\n';
  expect(plain(await joined(renderSideBySide(chunks(patch), output(true), 40)))).toBe(
    `── new n ${'─'.repeat(31)}\n   1 + one\n   2 + two\n`,
  );
});

test('side by side: wide characters and tabs are counted as the terminal counts them', async () => {
  const patch = '@@ -1,2 +1,2 @@\n-日本語のテキスト\n-a\tb\n+日本語でした\n+ab\tb\n';
  const text = plain(
    await joined(
      renderSideBySide(chunks(`diff --git a/n b/n\n--- a/n\n+++ b/n\n${patch}`), output(true), 41),
    ),
  );
  expect(text.split('\n').slice(2)).toEqual([
    '   1 - 日本語のテキ │    1 + 日本語でした',
    '       スト         │',
    '   2 - a   b        │    2 + ab  b',
    '',
  ]);
});

test('without colours a patch is what git wrote, with what acts or hides spelt out', async () => {
  expect(await joined(renderGitForm(chunks(PATCH), output(false)))).toBe(PATCH);
  const hostile = '@@ -1 +1 @@\n-a\u001B[2J\tb\u202E\n+crlf\ttab\r\n';
  const shown = `${String.raw`-a\e[2J`}\t${String.raw`b\u{202e}`}`;
  expect(await joined(renderGitForm(chunks(hostile), output(false)))).toBe(
    `@@ -1 +1 @@\n${shown}\n+crlf\ttab^M\n`,
  );
});

test.each(['unified', 'side by side', 'git'])(
  '%s: nothing in names, hunks or lines can act on the terminal or hide',
  async (layout) => {
    const evil = '\u001B]0;x\u0007\u202E\u009B2J';
    const patch = Buffer.concat([
      Buffer.from(
        `diff --git a/${evil} b/${evil}\nold mode 1${evil}\nnew mode 2\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ ${evil}\n-${evil}\n ${evil}\n+${evil}`,
      ),
      Buffer.from([0xff, 0x1b, 0x0a]),
      Buffer.from(`\\ ${evil}\n${evil}\n`),
    ]);
    const text = await joined(render(layout, chunks(patch)));
    expect(plain(text)).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F]|\u202E/);
    expect(plain(text)).toContain(String.raw`\xff\x1b`);
  },
);

test.each(['unified', 'side by side', 'git'])('%s: a line of any length is shown whole', async (layout) => {
  const long = Array.from({ length: 5 * PIECE_BYTES_MAX }, (_, index) => 'aé日'[index % 3] ?? '').join('');
  const patch = `diff --git a/n b/n\n--- a/n\n+++ b/n\n@@ -1 +1,2 @@\n-${long}\n+${long}é\n+short\n`;
  const text = plain(await joined(render(layout, chunks(patch, 4099))));
  const count = (character: string): number => text.split(character).length;
  // The name, the rule and the hunk hold none of these three.
  expect(count('日')).toBe(2 * Math.floor(long.length / 3) + 1);
  expect(count('é')).toBe(2 * Math.ceil(long.length / 3) + 2);
  if (layout !== 'side by side') expect(text).toContain(`\n+${long}é\n+short\n`);
});

test('a change of any size comes in parts, so that it is never held whole', async () => {
  async function* huge(): AsyncGenerator<Buffer> {
    yield Buffer.from('diff --git a/n b/n\n--- a/n\n+++ b/n\n@@ -1,100000 +1,100000 @@\n');
    for (const side of ['-', '+'])
      for (let line = 0; line < 100_000; line += 100) yield Buffer.from(`${side}${line}\n`.repeat(100));
  }
  const sums = { removed: 0, added: 0 };
  for await (const part of parsePatch(huge())) {
    if (part.kind !== 'change') continue;
    expect(part.removed.length + part.added.length).toBeLessThanOrEqual(400);
    expect(part.isWhole).toBe(false);
    sums.removed += part.removed.length;
    sums.added += part.added.length;
  }
  expect(sums).toEqual({ removed: 100_000, added: 100_000 });
});

test('a change after one that was too large is whole again', async () => {
  const patch = `diff --git a/n b/n\n@@ -1,501 +1,501 @@\n${'-x\n'.repeat(500)}${'+y\n'.repeat(500)}-a\n+b\n`;
  const changes = (await collect(parsePatch(chunks(patch, 999)))).filter((part) => part.kind === 'change');
  expect(changes.map(({ isWhole }) => isWhole)).toEqual([false, false, false, true]);
});

test('a line without anything is an unchanged empty line, as with diff.suppressBlankEmpty', async () => {
  const parts: PatchPart[] = await collect(
    parsePatch(chunks('diff --git a/n b/n\n@@ -1,3 +1,2 @@\n a\n\n-b\n')),
  );
  expect(parts.slice(2)).toEqual([
    { kind: 'context', line: { kind: 'line', text: 'a', isEnd: true } },
    { kind: 'context', line: { kind: 'line', text: '', isEnd: true } },
    { kind: 'change', removed: [{ kind: 'line', text: 'b', isEnd: true }], added: [], isWhole: true },
  ]);
});

test.each([
  { header: ['diff --git a/x y b/x y', 'index 1..2 100644'], what: 'changed', name: 'x y', notes: [] },
  { header: ['diff --git a/x b/x', 'new file mode 100755'], what: 'new', name: 'x', notes: ['executable'] },
  {
    header: ['diff --git a/x b/x', 'new file mode 120000'],
    what: 'new',
    name: 'x',
    notes: ['symbolic link'],
  },
  { header: ['diff --git a/x b/x', 'deleted file mode 100644'], what: 'deleted', name: 'x', notes: [] },
  {
    header: ['diff --git a/x b/x', 'old mode 100644', 'new mode 100755'],
    what: 'changed',
    name: 'x',
    notes: ['mode 100644 → 100755'],
  },
  {
    header: ['diff --git a/x b/x', 'Binary files a/x and b/x differ'],
    what: 'changed',
    name: 'x',
    notes: ['binary'],
  },
  {
    header: ['diff --git a/a b/b', 'similarity index 100%', 'rename from a', 'rename to b'],
    what: 'renamed',
    name: 'a → b',
    notes: [],
  },
  {
    header: ['diff --git a/a b/b', 'similarity index 93%', 'copy from a', String.raw`copy to "b\tc"`],
    what: 'copied',
    name: String.raw`a → b\tc`,
    notes: ['93% the same'],
  },
  {
    header: [String.raw`diff --git "a/\303\274\"\\\n" "b/\303\274\"\\\n"`, 'new file mode 100644'],
    what: 'new',
    name: String.raw`ü"\\n`,
    notes: [],
  },
  { header: [String.raw`diff --git "a/\377" "b/\377"`], what: 'changed', name: String.raw`\xff`, notes: [] },
  { header: ['something else'], what: 'changed', name: 'something else', notes: [] },
])('a header says: $what $name $notes', ({ header, ...expected }) =>
  expect(parseFileHeader(header)).toEqual(expected),
);

test('lines come as they are, whatever the chunks', async () => {
  for (const size of [1, 2, 3, 100]) {
    const pieces = await collect(splitLines(chunks('a\n\nbc\r\nlast', size)));
    expect(pieces.map(({ bytes }) => bytes.toString())).toEqual(['a', '', 'bc\r', 'last']);
  }
  expect(await collect(splitLines(chunks('')))).toEqual([]);
});
