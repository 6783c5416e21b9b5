/** What an agent plants in its own place is run by nothing of Phasr's, and what it hides there is seen before it is merged (hazards e and h). */

import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ELSEWHERE, renderHazards } from './support/hazard-table.ts';
import { HIDDEN, ODDITIES, PLANTS } from './support/plants.ts';
import { waitFor } from './support/wait-for.ts';
import { CLI, makeWorld, type World } from './support/world.ts';

const OFF = { env: { PHASR_SANDBOX: 'off' } };

/** Every command that looks at a task, also from inside its worktree with programs of its own first in the path. */
async function lookAtEverything(world: World, id: string, worktree: string): Promise<void> {
  const inside = { cwd: worktree, env: { PATH: `node_modules/.bin:${process.env['PATH']}` } };
  const looks = [
    ['show', id, '--json'],
    ['diff', id],
    ['diff', id, '--stat'],
    ['history', id],
    ['sync', id],
    ['logs', id],
  ];
  await Promise.all([
    ...looks.map((args) => world.phasr(args)),
    world.program(process.execPath, [CLI, 'show'], inside),
    world.program(process.execPath, [CLI, 'diff', '--stat'], inside),
  ]);
  for (const args of [
    ['snapshot', id],
    ['cleanup', id],
  ])
    await world.phasr(args);
}

test.each(PLANTS.map((plant) => [`${plant.row}: ${plant.what}`, plant] as const))(
  'nothing of what is planted is run: %s',
  async (_title, { script, fire }) => {
    await using world = makeWorld('plant');
    world.init({ a: 'a\n', b: 'b\n' });
    const marks = join(world.root, 'marks');
    mkdirSync(marks);
    const marker = join(world.root, 'marker');
    writeFileSync(marker, `#!/bin/sh\ntouch ${marks}/mark\nexit 0\n`);
    chmodSync(marker, 0o755);
    const prelude = `exec 2>/dev/null; export E="${marker}" MARKER="${marker}" P="$(git rev-parse --path-format=absolute --git-common-dir)"`;
    // That it works where one is careless is shown by the agent itself.
    const proof = join(world.root, 'proof');
    const shown = `(${fire ?? 'true'}) > /dev/null; test -e ${marks}/mark && echo yes > ${proof}; rm -f ${marks}/mark`;
    const task = await world.task(`${prelude}\necho work > work\n${script}\n${shown}\ntrue`, OFF);
    expect(existsSync(proof)).toBe(fire !== null);
    await lookAtEverything(world, '1', task.worktree);
    expect(readdirSync(marks)).toEqual([]);
    const merged = await world.phasr(['merge', '1', '--json']);
    await world.phasr(['undo']);
    await world.phasr(['discard', '1']);
    await waitFor('the trash to be looked through', () => world.processes().length === 0);
    await world.phasr(['restore', '1']);
    await world.phasr(['diff', '1']);
    expect(merged.stdout).toContain('"outcome"');
    expect(readdirSync(marks)).toEqual([]);
    expect(existsSync(join(world.repo, 'a'))).toBe(true);
  },
);

test.each(HIDDEN.map((row) => [`${row.row}: ${row.what}`, row] as const))(
  'what is hidden is seen, and exactly that is merged: %s',
  async (_title, { script, seen }) => {
    await using world = makeWorld('hidden');
    world.init({ a: 'a\n', b: 'b\n' });
    const task = await world.task(`exec 2>/dev/null\n${script}`, OFF);
    const shown = await world.ok(['show', '1']);
    const diff = await world.ok(['diff', '1']);
    expect(`${shown}\n${diff}`).toMatch(seen);
    const tree = world.git(['rev-parse', `${task.head}^{tree}`]);
    const merged = await world.phasr(['merge', '1']);
    // What cannot be merged as it was seen is refused by name.
    if (merged.code === 0) expect(world.git(['rev-parse', 'main^{tree}'])).toBe(tree);
    else expect(merged.stderr).toMatch(/phasr: .+\n/);
  },
);

const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F\u0080-\u009F]/;

test.each(ODDITIES.map((row) => [`${row.row}: ${row.what}`, row] as const))(
  'whatever lies in a worktree is shown, kept, given back, merged and removed, and nobody follows it: %s',
  async (_title, { script, seen }) => {
    await using world = makeWorld('odd');
    world.init({ a: 'a\n', b: 'b\n', 'src/a.ts': 'a\n' });
    const task = await world.task(`exec 2>/dev/null; R=${world.repo}; ${script}; echo work > work`, OFF);
    expect(task).toMatchObject({ state: 'done', escape: null });
    const [show, list, stat] = [
      await world.ok(['show', '1']),
      await world.ok(['list']),
      await world.ok(['diff', '1', '--stat']),
    ];
    expect(`${show}\n${stat}\n${await world.ok(['diff', '1'])}`).toMatch(seen);
    expect(`${show}${list}${stat}`).not.toMatch(CONTROL);
    await world.ok(['rewind', '1', '1']);
    await world.ok(['discard', '1']);
    await waitFor(
      'its folder to be gone',
      () => !existsSync(task.worktree) && world.processes().length === 0,
    );
    const left = (): readonly string[] => readdirSync(join(dirname(task.worktree), '.trash'));
    // What no ref can hold stays on the disk, and it is said where.
    expect(left().length).toBe((await world.json(['show', '1'])).held === null ? 0 : 1);
    const restored = await world.json(['restore', '1']);
    expect(world.read('work', restored.tasks[0].worktree)).toBe('work\n');
    expect(world.git(['status', '--porcelain'])).toBe('');
    const merged = await world.phasr(['merge', '1']);
    if (merged.code === 0)
      expect(world.git(['rev-parse', 'main^{tree}'])).toBe(world.git(['rev-parse', `${task.head}^{tree}`]));
    else expect(merged.stderr).toMatch(/phasr: .+\n/);
    expect(readdirSync(world.repo)).toContain('.git');
    await world.phasr(['discard', '1']);
    await waitFor('the trash to be looked through', () => world.processes().length === 0);
    await world.ok(['trash', 'empty', '-y']);
    await waitFor('the trash to be empty', () => left().length === 0);
  },
);

test('what these suites try and find is in docs/isolation.md, row for row', () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/isolation.md'), 'utf8');
  const rows = /## Hazards\n.*?\n\| --- .*?\n(.*?)\n\n/s.exec(page)?.[1]?.split('\n') ?? [];
  expect(rows).toEqual(renderHazards());
  for (const { file, promise } of ELSEWHERE)
    expect(readFileSync(join(import.meta.dirname, file), 'utf8')).toContain(promise);
});
