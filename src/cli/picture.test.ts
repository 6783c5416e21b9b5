/** What a person is told of the tasks that he watches. */

import pc from 'picocolors';
import { expect, test } from 'vitest';
import { type Facts, viewOf } from '../../test/support/view-of.ts';
import type { RunUsage } from '../base/usage.ts';
import { renderUsage } from './cells.ts';
import type { Output } from './output.ts';
import { type Moment, Painter } from './picture.ts';
import { renderIds } from './watch.ts';
import { textWidth } from './width.ts';

const output = (isColored = false): Output => ({ color: pc.createColors(isColored) }) as unknown as Output;

/** A minute after everything was launched. */
function moment(facts: readonly Facts[], more: Partial<Moment> = {}): Moment {
  return {
    views: facts.map(viewOf),
    lastOutput: () => 'the last line',
    nowMs: 61_000,
    width: 119,
    height: 40,
    ...more,
  };
}

const draw = (facts: readonly Facts[], more: Partial<Moment> = {}): readonly string[] =>
  new Painter(output(), 'run').picture(moment(facts, more));

const cost = (costUsd: number): RunUsage => ({ tokens: null, costUsd });
const tokens = (input: number): RunUsage => ({
  tokens: { input, output: 0, cacheRead: 5_000_000, cacheWrite: 0 },
  costUsd: null,
});

test('a line says which task, its state, how long, what was written, what it costs, what it does', () => {
  expect(
    draw([
      { id: 1, title: 'add tax', progress: { filesTouched: 3, usage: cost(0.021) } },
      {
        id: 2,
        title: 'fix it',
        progress: { action: 'Bash npm test', filesTouched: 1, usage: tokens(12_345) },
      },
      { id: 3, title: 'nothing is known yet' },
      { id: 4, title: 'ended', phase: 'idle' },
      {
        id: 5,
        title: 'went wrong',
        phase: 'idle',
        outcome: 'failed',
        changes: { files: 0, insertions: 0, deletions: 0 },
      },
    ]),
  ).toEqual([
    '1  running  1m  add tax               3 files       $0.02    Edit src/a.ts',
    '2  running  1m  fix it                1 file        12k tok  Bash npm test',
    '3  running  1m  nothing is known yet                         the last line',
    '4  done     1m  ended                 1 file +2 -3',
    '5  failed   1m  went wrong            no changes             exit code 1',
  ]);
});

test('what waits for its person shows its question, what retries why, what is silent for how long', () => {
  const lines = draw([
    { id: 1, title: 'a', progress: { attention: 'waiting', waitingFor: 'Which rate?' } },
    { id: 2, title: 'b', progress: { attention: 'retrying', waitingFor: 'overloaded' } },
    { id: 3, title: 'c', progress: { attention: 'silent', atMs: 61_000 - 240_000, action: 'npm test' } },
    { id: 4, title: 'd', phase: 'queued' },
  ]);
  expect(lines).toEqual([
    '1  waiting   1m  a  Which rate?',
    '2  retrying  1m  b  overloaded',
    '3  silent    1m  c  no output for 4m; last: npm test',
    '4  queued    1m  d  waits for a free place',
  ]);
});

test('the summary counts states, sums costs and says how long the work goes on', () => {
  const many = [
    ...Array.from({ length: 8 }, (_, index): Facts => ({ id: index + 1, progress: { usage: cost(0.1675) } })),
    ...Array.from({ length: 40 }, (_, index): Facts => ({ id: index + 9, phase: 'queued' })),
    ...Array.from({ length: 2 }, (_, index): Facts => ({ id: index + 49, phase: 'idle' })),
  ];
  expect(draw(many, { nowMs: 721_000 })[0]).toBe('50 tasks: 8 running, 40 queued, 2 done · 12m · $1.34');
  expect(draw(many, { nowMs: 721_000, width: 50 })[0]).toBe('50 tasks: 8 running, 40 queued, 2 done · $1.34');
  expect(draw(many, { nowMs: 721_000, width: 40 })[0]).toBe('50 tasks: 8 running, 40 queued, 2 done');
  expect(draw(many, { nowMs: 721_000, width: 30 })[0]).toBe('50 tasks: 8 running, 40 queue…');
});

const mixed: readonly Facts[] = Array.from({ length: 30 }, (_, index): Facts => {
  const id = index + 1;
  if (id === 20) return { id, progress: { attention: 'waiting', waitingFor: 'Yes or no?' } };
  if (id === 10) return { id, phase: 'idle', outcome: 'failed' };
  if (id % 5 === 0) return { id };
  return { id, phase: id % 2 === 0 ? 'queued' : 'idle' };
});
const idsIn = (lines: readonly string[]): readonly string[] =>
  lines.flatMap((line) => /^ *(\d+) {2}/.exec(line)?.[1] ?? []);

test('with more tasks than lines those come first that need their person, then those at work, then counts', () => {
  const lines = draw(mixed, { height: 20 });
  expect(idsIn(lines)).toEqual(['10', '20', '5', '15', '25', '30']);
  expect(lines.at(-1)).toBe('… 12 queued, 12 done');
  // And with hardly any room, those at work are counted as well.
  expect(draw(mixed, { height: 6 })).toEqual([
    expect.stringMatching(/^30 tasks: 1 waiting, 1 failed, 4 running, 12 queued, 12 done · /),
    '',
    expect.stringMatching(/^10 {2}failed/),
    expect.stringMatching(/^20 {2}waiting/),
    expect.stringMatching(/^ 5 {2}running/),
    '… 3 running, 12 queued, 12 done',
  ]);
});

test('where there is room for all, and in the last picture, all are shown in the order of their numbers', () => {
  const ids = mixed.map(({ id }) => String(id));
  expect(idsIn(draw(mixed, { height: 40 }))).toEqual(ids);
  const last = draw(mixed, { height: null });
  expect(idsIn(last)).toEqual(ids);
  expect(last.at(-1)).toMatch(/^30 tasks: /);
});

test('nothing jumps: columns do not shrink, and costs stay when a run has ended, until the next run', () => {
  const painter = new Painter(output(), 'run');
  const line = (facts: Facts): string => painter.picture(moment([facts]))[0] ?? '';
  expect(line({ id: 1, title: 't', phase: 'preparing' })).toBe('1  setting up  1m  t  starting');
  expect(line({ id: 1, title: 't', progress: { usage: cost(0.5) } })).toBe(
    '1  running     1m  t  $0.50  Edit src/a.ts',
  );
  expect(line({ id: 1, title: 't', phase: 'idle' })).toBe('1  done        1m  t  1 file +2 -3  $0.50');
  expect(line({ id: 1, title: 't', run: 2 })).toBe(
    '1  running     1m  t                       the last line',
  );
});

test.each([1, 10, 20, 30, 40, 60, 79, 119, 199])(
  'no line is wider than %i columns, colours or not',
  (width) => {
    const facts: Facts[] = [
      {
        id: 1,
        title: '日本語のドキュメントを全部直してください、お願いします',
        progress: { filesTouched: 12, usage: cost(123.4), action: '日本語'.repeat(50) },
      },
      {
        id: 200,
        title: 'a'.repeat(300),
        phase: 'idle',
        outcome: 'interrupted',
        changes: { files: 1234, insertions: 56_789, deletions: 98_765 },
      },
      ...Array.from({ length: 6 }, (_, index): Facts => ({
        id: 300 + index,
        progress: { attention: 'waiting', waitingFor: 'e\u0301👩‍👩‍👧'.repeat(80) },
      })),
    ];
    for (const isColored of [false, true]) {
      const lines = new Painter(output(isColored), 'run').picture(moment(facts, { width }));
      for (const line of lines)
        expect(textWidth(line.replaceAll(/\u001B\[\d+m/g, ''))).toBeLessThanOrEqual(width);
    }
  },
);

test('in a narrower window columns go, what matters least first', () => {
  const facts: Facts = {
    id: 1,
    title: 'add rate limiting to the api',
    progress: { filesTouched: 2, usage: cost(0.2), action: 'Edit src/server/middleware/limits.ts' },
  };
  const lines = [79, 60, 50, 36, 12].map((width) => draw([facts], { width })[0]);
  expect(lines).toEqual([
    '1  running  1m  add rate limiting…  2 files  $0.20  Edit src/server/middleware…',
    '1  running  1m  add rate limiti…  2 files  Edit src/server/…',
    '1  running  1m  add rate limiti…  Edit src/server…',
    '1  running  add rate limiti…  Edit …',
    '1  running',
  ]);
});

test('what an agent prints or asks cannot act on the terminal', () => {
  const evil = 'a\u001B]0;title\u0007\u001B[2Jb\u202Ec\rd';
  const text = draw(
    [
      { id: 1, title: evil },
      { id: 2, progress: { action: evil } },
      { id: 3, progress: { attention: 'waiting', waitingFor: evil } },
    ],
    { lastOutput: () => evil },
  ).join('\n');
  expect(text).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F]|\u202E/);
  // Sequences of an agent's own screen say nothing here.
  expect(text).toContain(String.raw`ab\u{202e}c\rd`);
});

test.each([
  [null, ''],
  [cost(0), '$0.00'],
  [cost(0.004), '<$0.01'],
  [cost(0.0249), '$0.02'],
  [cost(12.345), '$12.35'],
  [cost(1234.5), '$1235'],
  [tokens(0), '0 tok'],
  [tokens(950), '950 tok'],
  [tokens(9500), '9.5k tok'],
  [tokens(12_345), '12k tok'],
  [tokens(999_600), '1M tok'],
  [tokens(1_234_000), '1.2M tok'],
  [{ tokens: null, costUsd: null }, ''],
])('usage %j is %s', (usage, text) => expect(renderUsage(usage)).toBe(text));

test('four and more numbers in a row are a range', () => {
  expect(renderIds([1, 2, 3])).toBe('1 2 3');
  expect(renderIds([1, 2, 3, 4, 6, 7, 9, 10, 11, 12, 13])).toBe('1-4 6 7 9-13');
  expect(renderIds([])).toBe('');
});
