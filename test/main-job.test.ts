import { expect, test } from 'vitest';
import { makeWorld } from './support/world.ts';
import { waitFor } from './support/wait-for.ts';

test('three prompts make three tasks that are diffed, merged and discarded without a trace', async () => {
  await using world = makeWorld('main-job');
  world.init();
  const ran = await world.phasr([
    ...['run', 'tidy the imports', 'fix the typo in the README', 'add a changelog entry', '--'],
    ...['sh', '-c', 'echo "$PHASR_PROMPT" > "by-$PHASR_TASK.txt"; cat "$PHASR_PROMPT_FILE" >> README.md'],
  ]);
  expect(ran.stderr).toBe('');
  expect(ran.code).toBe(0);
  expect(ran.stdout).toContain(`base: main @ ${world.git(['rev-parse', '--short=9', 'HEAD'])}`);
  expect(world.git(['branch', '--list', 'phasr/*', '--format=%(refname:short)']).split('\n')).toEqual([
    'phasr/task-1-tidy-the-imports',
    'phasr/task-2-fix-the-typo-in-the-readme',
    'phasr/task-3-add-a-changelog-entry',
  ]);
  expect((await world.ok(['diff', '2', '--name-only'])).split('\n')).toEqual(['README.md', 'by-2.txt', '']);
  expect(await world.ok(['merge', '2'])).toContain('task 2 merged into main');
  expect(world.read('by-2.txt')).toBe('fix the typo in the README\n');
  expect(world.git(['status', '--porcelain'])).toBe('');
  await world.ok(['discard', '1', '3']);
  expect(world.git(['worktree', 'list'])).not.toContain('phasr');
  expect(world.git(['branch', '--list'])).toBe('* main');
  expect(world.git(['for-each-ref', '--format=%(refname)', 'refs/phasr']).split('\n')).toEqual([
    // What phasr restore and phasr undo bring back, for 30 days.
    'refs/phasr/snapshots/1/1',
    'refs/phasr/snapshots/2/1',
    'refs/phasr/snapshots/3/1',
    'refs/phasr/trash/1',
    'refs/phasr/trash/3',
  ]);
  await waitFor('the trash to be emptied', async () => world.processes().length === 0);
  expect(world.git(['show', 'refs/phasr/trash/3:by-3.txt'])).toBe('add a changelog entry');
  expect(world.has('.git/phasr/tasks/1/git')).toBe(false);
  expect(await world.ok(['list'])).toContain('no open tasks');
});
