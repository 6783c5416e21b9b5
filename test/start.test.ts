/** The first command that anybody types on a fresh clone. */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { makeWorld } from './support/world.ts';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

test('npm start shows the whole main job on a clone of this repository, and leaves nothing but the directory it names', async () => {
  await using world = makeWorld('start');
  const listed = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  for (const path of execFileSync('git', listed, { cwd: PROJECT, encoding: 'utf8' }).split('\0')) {
    if (path === '') continue;
    mkdirSync(dirname(join(world.repo, path)), { recursive: true });
    cpSync(join(PROJECT, path), join(world.repo, path));
  }
  symlinkSync(join(PROJECT, 'node_modules'), join(world.repo, 'node_modules'));
  world.git(['init', '-q']);
  // The rule for `node_modules/` means a folder.
  world.write('.git/info/exclude', 'node_modules\n');
  world.git(['add', '-A']);
  world.git(['commit', '-q', '-m', 'the project']);
  const temporary = join(world.root, 'tmp');
  mkdirSync(temporary);

  const started = await world.program(process.execPath, ['scripts/start.mjs'], {
    env: { TMPDIR: temporary },
  });

  expect(`${started.stderr}${started.code}`).toBe('0');
  for (const said of ['task 1 merged into main', 'task 2 merged into main', 'task 5 discarded'])
    expect(started.stdout).toContain(said);
  const [made, ...more] = readdirSync(temporary);
  expect(more).toEqual([]);
  expect(started.stdout).toContain(`rm -rf ${join(temporary, made ?? '')}`);
  expect(readdirSync(world.home)).toEqual(['.gitconfig']);
  expect(world.git(['status', '--porcelain'])).toBe('');
  expect(world.processes()).toEqual([]);
});
