/** What a person sees on a terminal: the live views, on windows of 80 and 200 columns. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { textWidth } from '../src/cli/width.ts';
import { expectFits, hasTmux, openTerminal, type Terminal } from './support/terminal.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

/** An agent that prints a line and ends when the test says so: `go-N` lets task N end, `go` all of them. Task 2 fails. */
const AGENT = `echo "$(printf 'reading %s ' one two three four five six seven eight nine ten eleven twelve thirteen)"
while ! test -e "$GATES/go" && ! test -e "$GATES/go-$PHASR_TASK"; do sleep 0.05; done
echo 1 > "file-$PHASR_TASK"; test "$PHASR_TASK" != 2`;

function prepare(world: World): { readonly command: string; readonly open: (gate: string) => void } {
  world.init();
  writeFileSync(join(world.root, 'agent'), AGENT);
  return {
    command: `env GATES=${world.root} sh ${join(world.root, 'agent')}`,
    open: (gate) => writeFileSync(join(world.root, gate), ''),
  };
}

const tasksIn = (lines: readonly string[]): readonly string[] =>
  lines.filter((line) => /^ *\d+ {2}(?:queued|setting up|running|committing|done|failed)\b/.test(line));
const areRunning =
  (count: number) =>
  (lines: readonly string[]): boolean =>
    tasksIn(lines).filter((line) => /^ *\d+ {2}running .*reading/.test(line)).length === count;

test.skipIf(!hasTmux).each([80, 200])(
  'three tasks take three lines that end as results, above a clean prompt, on %i columns (needs tmux)',
  async (columns) => {
    await using world = makeWorld('live-three');
    const { command, open } = prepare(world);
    const terminal = await openTerminal(world, { columns, rows: 24 });
    terminal.enter(
      `phasr run 'add tax' 'fix the typo in the README' '日本語のドキュメントを直す' -- ${command}`,
    );
    const running = await terminal.until('three running tasks', areRunning(3));
    expectFits(running, columns + 1);
    expect(terminal.isCursorVisible).toBe(false);
    expect(terminal.isWhole).toBe(false);
    // The actions begin in the same column, whether there are wide characters before them or not.
    const starts = tasksIn(running).map((line) => textWidth(line.slice(0, line.indexOf('reading'))));
    expect(new Set(starts).size).toBe(1);
    open('go');
    const ended = await terminal.untilPrompt();
    const from = ended.findIndex((line) => line.startsWith('base: main @'));
    expect(ended.slice(from + 1)).toEqual([
      expect.stringMatching(/^1 {2}done {4}\d+s {2}add tax {21}1 file \+1 -0$/),
      expect.stringMatching(
        /^2 {2}failed {2}\d+s {2}fix the typo in the README {2}1 file \+1 -0 {2}exit code 1$/,
      ),
      expect.stringMatching(/^3 {2}done {4}\d+s {2}日本語のドキュメントを直す {2}1 file \+1 -0$/),
      '',
      '  phasr diff N   phasr merge N   phasr discard N      N: 1 3',
      '  phasr logs 2   phasr diff 2   phasr resume 2   phasr discard 2',
      '$',
    ]);
    expect(tasksIn(terminal.history()).length).toBe(3);
  },
);

test.skipIf(!hasTmux)(
  'a window that changes its size leaves nothing of few tasks behind (needs tmux)',
  async () => {
    await using world = makeWorld('live-resize');
    const { command, open } = prepare(world);
    const terminal = await openTerminal(world, { columns: 200, rows: 24 });
    // As in a terminal that has been used for a while: the view begins at the bottom.
    terminal.enter('seq 40');
    await terminal.untilPrompt('40');
    terminal.enter(`phasr run 'add tax' 'fix the typo' 'write a changelog' -- ${command}`);
    const wide = await terminal.until('three running tasks', areRunning(3));
    expect(Math.max(...tasksIn(wide).map((line) => line.length))).toBeGreaterThan(100);
    for (const columns of [80, 60, 120, 40, 200]) {
      terminal.resize({ columns, rows: 24 });
      // Another second makes another picture, which must begin where the one before did.
      const seconds = (lines: readonly string[]): string => /\d+s/.exec(tasksIn(lines)[0] ?? '')?.[0] ?? '';
      const first = seconds(
        await terminal.until(
          `three tasks on ${columns} columns`,
          (lines) => tasksIn(lines).length === 3 && tasksIn(lines).every((line) => textWidth(line) < columns),
        ),
      );
      await terminal.until(
        'the next second',
        (lines) => tasksIn(lines).length === 3 && (columns < 60 || seconds(lines) !== first),
      );
    }
    open('go');
    await terminal.untilPrompt();
    expect(tasksIn(terminal.history())).toEqual([
      expect.stringContaining('done'),
      expect.stringContaining('failed'),
      expect.stringContaining('done'),
    ]);
    expect(terminal.history().filter((line) => line.includes('reading'))).toEqual([]);
  },
);

test.skipIf(!hasTmux)(
  'many tasks have a screen of their own with a summary, also when the window changes, and Ctrl-C gives the terminal back (needs tmux)',
  async () => {
    await using world = makeWorld('live-many');
    const { command } = prepare(world);
    const terminal = await openTerminal(world, { columns: 80, rows: 24 });
    const prompts = Array.from({ length: 60 }, (_, index) => `'task number ${index + 1}'`);
    writeFileSync(join(world.root, 'many'), `phasr run -j 4 ${prompts.join(' ')} -- ${command}`);
    terminal.enter(`. ${join(world.root, 'many')}`);
    for (const size of [
      { columns: 80, rows: 24 },
      { columns: 200, rows: 50 },
      { columns: 80, rows: 12 },
      { columns: 200, rows: 24 },
    ]) {
      terminal.resize(size);
      const lines = await terminal.until(
        `four running tasks on ${size.columns} columns`,
        (shown) =>
          areRunning(4)(shown) &&
          (shown[2]?.length ?? 0) < size.columns &&
          (shown[2]?.length ?? 0) > 80 === size.columns > 80,
      );
      expect(lines).toEqual([
        expect.stringMatching(/^60 tasks: 4 running, 56 queued · \d+s$/),
        '',
        ...[1, 2, 3, 4].map(
          (id) =>
            expect.stringMatching(
              new RegExp(`^${id} {2}running {2,}\\d+s +task number ${id} +reading`),
            ) as string,
        ),
        '… 56 queued',
        '',
        'Ctrl-C stops watching; the tasks go on',
      ]);
      expectFits(lines, size.columns);
      expect([terminal.isWhole, terminal.isCursorVisible]).toEqual([true, false]);
    }
    terminal.press('C-c');
    const lines = await terminal.untilPrompt();
    expect([terminal.isWhole, terminal.isCursorVisible]).toEqual([false, true]);
    expect(lines.slice(-5)).toEqual([
      '… 56 queued',
      '',
      '60 tasks go on without you.',
      expect.stringContaining('Come back: phasr list'),
      '$',
    ]);
    expect(terminal.history().filter((line) => line.startsWith('60 tasks: ')).length).toBe(1);
    expect(terminal.history().filter((line) => line.includes('Ctrl-C stops'))).toEqual([]);
    // The others would start as these are killed.
    await world.phasr(['stop', '1-60']);
  },
);

test.skipIf(!hasTmux)('eight tasks that end leave their results and a summary (needs tmux)', async () => {
  await using world = makeWorld('live-eight');
  const { command, open } = prepare(world);
  const terminal = await openTerminal(world, { columns: 80, rows: 24 });
  terminal.enter(`phasr run -j 8 a b c d e f g h -- ${command}`);
  await terminal.until('eight running tasks', areRunning(8));
  expect(terminal.isWhole).toBe(true);
  open('go');
  const lines = await terminal.untilPrompt();
  const from = lines.findIndex((line) => line.startsWith('at most 8 run'));
  expect(lines.slice(from + 1)).toEqual([
    ...['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(
      (title, index) =>
        expect.stringMatching(
          new RegExp(
            title === 'b'
              ? '^2  failed  \\d+s  b  1 file \\+1 -0  exit code 1$'
              : `^${index + 1}  done    \\d+s  ${title}  1 file \\+1 -0$`,
          ),
        ) as string,
    ),
    '',
    expect.stringMatching(/^8 tasks: 1 failed, 7 done · \d+s$/),
    '',
    '  phasr diff N   phasr merge N   phasr discard N      N: 1 3-8',
    '  phasr logs 2   phasr diff 2   phasr resume 2   phasr discard 2',
    '$',
  ]);
  expect(tasksIn(terminal.history()).length).toBe(8);
});

test.skipIf(!hasTmux).each([
  { how: 'Ctrl-C', end: (terminal: Terminal) => terminal.press('C-c'), says: '1 task goes on without you.' },
  { how: 'Ctrl-\\', end: (terminal: Terminal) => terminal.press('C-\\'), says: '' },
  {
    how: 'SIGTERM',
    end: (_: Terminal, pid: number) => process.kill(pid, 'SIGTERM'),
    says: '1 task goes on without you.',
  },
  { how: 'SIGHUP', end: (_: Terminal, pid: number) => process.kill(pid, 'SIGHUP'), says: '' },
])(
  'however watching ends, the cursor is back and the prompt is clean: $how (needs tmux)',
  async ({ end, says }) => {
    for (const tasks of ['one', 'one two three four five six']) {
      await using world = makeWorld('live-end');
      const { command } = prepare(world);
      const terminal = await openTerminal(world, { columns: 80, rows: 24 });
      terminal.enter(`phasr run -j 6 ${tasks} -- ${command}`);
      const count = tasks.split(' ').length;
      await terminal.until('running tasks', areRunning(count));
      expect(terminal.isCursorVisible).toBe(false);
      const pid = await waitFor('the watching process', () =>
        world.processes().find((process) => world.commandLine(process).includes('cli.cjs run')),
      );
      end(terminal, pid);
      const lines = await terminal.untilPrompt();
      expect(terminal.isWhole).toBe(false);
      if (count === 1) expect(lines.join('\n')).toContain(says);
      expect(
        terminal.history().filter((line) => /^(?:\^.)?1 {2}running/.test(line)).length,
      ).toBeLessThanOrEqual(1);
    }
  },
);

test.skipIf(!hasTmux)(
  'a suspended view gives the terminal back and goes on with fg (needs tmux)',
  async () => {
    for (const tasks of ['one', 'one two three four five six']) {
      await using world = makeWorld('live-suspend');
      const { command } = prepare(world);
      const terminal = await openTerminal(world, { columns: 80, rows: 24 });
      terminal.enter(`phasr run -j 6 ${tasks} -- ${command}`);
      const count = tasks.split(' ').length;
      await terminal.until('running tasks', areRunning(count));
      terminal.press('C-z');
      await terminal.untilPrompt();
      expect(terminal.isWhole).toBe(false);
      terminal.enter('fg');
      await terminal.until(
        'the view again',
        (lines) => tasksIn(lines.slice(-count - 3)).length === count && !terminal.isCursorVisible,
      );
      terminal.press('C-c');
      await terminal.untilPrompt();
    }
  },
);

test.skipIf(!hasTmux)(
  'what is typed meanwhile is for the shell and does not spoil the picture (needs tmux)',
  async () => {
    await using world = makeWorld('live-typed');
    const { command, open } = prepare(world);
    const terminal = await openTerminal(world, { columns: 80, rows: 24 });
    terminal.enter(`phasr run one three -- ${command}`);
    await terminal.until('running tasks', areRunning(2));
    terminal.enter('echo typed ahead');
    open('go');
    const lines = await terminal.until(
      'the answer',
      (shown) => shown.at(-2)?.endsWith('typed ahead') === true && shown.at(-1) === '$',
    );
    const from = lines.findIndex((line) => line.startsWith('base: '));
    expect(lines.slice(from + 1, from + 4)).toEqual([
      expect.stringMatching(/^1 {2}done .*\+1 -0$/),
      expect.stringMatching(/^2 {2}failed .*exit code 1$/),
      '',
    ]);
  },
);

test.skipIf(!hasTmux)('a dumb terminal gets plain lines (needs tmux)', async () => {
  await using world = makeWorld('live-dumb');
  const { command, open } = prepare(world);
  const terminal = await openTerminal(world, { columns: 80, rows: 24 });
  terminal.enter(`TERM=dumb phasr run one -- ${command}`);
  await terminal.until('a running task', (lines) =>
    lines.some((line) => line.startsWith('task 1 running: one')),
  );
  expect(terminal.isCursorVisible).toBe(true);
  open('go');
  expect(await terminal.untilPrompt()).toContain('task 1 done: one (exit code 0; 1 file +1 -0)');
});

test.skipIf(!hasTmux)(
  'list --watch shows tasks come and go until Ctrl-C, wait shows them until they end (needs tmux)',
  async () => {
    await using world = makeWorld('live-list');
    const { command, open } = prepare(world);
    const terminal = await openTerminal(world, { columns: 100, rows: 24 });
    terminal.enter('phasr list --watch');
    await terminal.until('an empty list', (lines) => lines[0] === 'no open tasks');
    await world.ok(['run', 'first', '--detach', '--', ...command.split(' ')]);
    await terminal.until('the first task', areRunning(1));
    expect([terminal.isWhole, terminal.isCursorVisible]).toEqual([true, false]);
    open('go-1');
    await terminal.until('its end', (lines) => /^1 {2}done .* first {2}1 file \+1 -0$/.test(lines[0] ?? ''));
    await world.ok(['run', 'second', '--detach', '--', ...command.split(' ')]);
    await terminal.until('the second task', areRunning(1));
    terminal.press('C-c');
    const lines = await terminal.untilPrompt();
    expect(lines.slice(-3)).toEqual([
      expect.stringMatching(/^1 {2}done/),
      expect.stringMatching(/^2 {2}running/),
      '$',
    ]);
    terminal.enter('echo $?; phasr wait; echo $?');
    await terminal.until(
      'the second task',
      (shown) => shown.includes('130') && areRunning(1)(shown.slice(shown.indexOf('130'))),
    );
    open('go-2');
    const ended = await terminal.until('the end', (shown) => shown.at(-1) === '$' && shown.at(-2) === '1');
    expect(ended.at(-3)).toMatch(/^2 {2}failed {2}\d+s {2}second {2}1 file \+1 -0 {2}exit code 1$/);
  },
);
