/** A merge that was killed between the ref and the last file is finished from any state, and the user's own edits stay. */

import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asOid } from '../src/base/oid.ts';
import { findObstacles, finishFollowing, followMove } from '../src/git/land.ts';
import { worktreePlace } from '../src/git/repository.ts';
import { listFiles } from './support/files.ts';
import { makeWorld, type World } from './support/world.ts';

const OLD = {
  '.gitattributes': '*.bat text eol=crlf\n',
  'a-changed': 'old\n'.repeat(200),
  'b-deleted': 'deleted\n',
  'c-deep/er/only': 'only file of its folders\n',
  'd-file-to-folder': 'file\n',
  'e.bat': 'echo old\r\n',
  'f-kept': 'kept\n',
  'g-mode': 'mode\n',
  'h-link': 'a file that becomes a link\n',
  mine: 'mine\n',
  'mine-staged': 'mine\n',
};

/** Commits what there is on the task's branch, and moves `main` there without its files. */
function commitMove(world: World): string {
  world.git(['add', '-A']);
  world.git(['commit', '-qm', 'new']);
  const to = world.git(['rev-parse', 'HEAD']);
  world.git(['switch', '-q', 'main']);
  world.git(['update-ref', 'refs/heads/main', to]);
  return to;
}

/** Two commits, `main` at the new one, and the worktree still at the old one: a kill right after the ref has moved. */
function makeMove(world: World): { from: string; to: string } {
  world.init(OLD);
  const from = world.git(['rev-parse', 'HEAD']);
  world.git(['switch', '-qc', 'task']);
  writeFileSync(join(world.repo, 'a-changed'), 'new\n'.repeat(200));
  writeFileSync(join(world.repo, 'e.bat'), 'echo new\r\n');
  world.git(['rm', '-q', 'b-deleted', 'c-deep/er/only', 'd-file-to-folder', 'h-link']);
  mkdirSync(join(world.repo, 'd-file-to-folder'));
  writeFileSync(join(world.repo, 'd-file-to-folder/inside'), 'inside\n');
  writeFileSync(join(world.repo, 'z-added'), 'added\n');
  chmodSync(join(world.repo, 'g-mode'), 0o755);
  symlinkSync('f-kept', join(world.repo, 'h-link'));
  return { from, to: commitMove(world) };
}

function makeUserEdits(world: World): void {
  appendFileSync(join(world.repo, 'mine'), 'edited\n');
  appendFileSync(join(world.repo, 'mine-staged'), 'staged\n');
  // Staged against the old index, as it is when the kill comes.
  world.git(['update-index', 'mine-staged']);
  writeFileSync(join(world.repo, 'untracked'), 'untracked\n');
}

/** The paths in the order in which git would have written them. */
const STEPS: readonly (readonly [path: string, partial: boolean])[] = [
  ['b-deleted', false],
  ['c-deep/er/only', false],
  ['d-file-to-folder', false],
  ['h-link', false],
  ['a-changed', true],
  ['a-changed', false],
  ['d-file-to-folder/inside', false],
  ['e.bat', true],
  ['e.bat', false],
  ['g-mode', false],
  ['z-added', true],
  ['z-added', false],
];

function applyStep(world: World, to: string, [path, partial]: readonly [string, boolean]): void {
  const target = join(world.repo, path);
  const exists = world.git(['ls-tree', to, '--', path]);
  rmSync(target, { recursive: true, force: true });
  if (exists === '' || exists.includes(' tree ')) return;
  mkdirSync(join(target, '..'), { recursive: true });
  if (exists.startsWith('120000'))
    return symlinkSync(world.git(['cat-file', 'blob', `${to}:${path}`]), target);
  const content = world.gitBytes(['cat-file', '--filters', `${to}:${path}`]);
  writeFileSync(target, partial ? content.subarray(0, Math.floor(content.length / 2)) : content, {
    mode: exists.startsWith('100755') ? 0o755 : 0o644,
  });
}

for (let done = 0; done <= STEPS.length; done++) {
  for (const lock of [false, true]) {
    test(`finished from after step ${done} of ${STEPS.length}${lock ? ', with the lock left behind' : ''}`, async () => {
      await using world = makeWorld('land');
      const { from, to } = makeMove(world);
      makeUserEdits(world);
      for (const step of STEPS.slice(0, done)) applyStep(world, to, step);
      if (lock) writeFileSync(join(world.repo, '.git/index.lock'), '');
      const place = worktreePlace({ path: world.repo, gitDir: join(world.repo, '.git') }, world.env);
      expect(await finishFollowing(place, { from: asOid(from), to: asOid(to) }, place.gitDir ?? '')).toEqual(
        [],
      );
      expectFinished(world, to);
      // Doing it again changes nothing.
      expect(await finishFollowing(place, { from: asOid(from), to: asOid(to) }, place.gitDir ?? '')).toEqual(
        [],
      );
      expectFinished(world, to);
    });
  }
}

function expectFinished(world: World, to: string): void {
  expect(world.git(['status', '--porcelain']).split('\n').sort()).toEqual([
    ' M mine',
    '?? untracked',
    'M  mine-staged',
  ]);
  expect(world.git(['rev-parse', 'HEAD'])).toBe(to);
  expect(readFileSync(join(world.repo, 'mine'), 'utf8')).toBe('mine\nedited\n');
  const files = Object.keys(listFiles(world.repo)).sort();
  const expected = [...world.git(['ls-tree', '-r', '--name-only', to]).split('\n'), 'untracked'].sort();
  expect(files).toEqual(expected);
}

test('what the user edits after the kill, where the merge had yet to write, stays his and is named', async () => {
  await using world = makeWorld('land-edit');
  const { from, to } = makeMove(world);
  writeFileSync(join(world.repo, 'a-changed'), 'my own words\n');
  writeFileSync(join(world.repo, 'b-deleted'), 'still needed\n');
  const place = worktreePlace({ path: world.repo, gitDir: join(world.repo, '.git') }, world.env);
  expect(await finishFollowing(place, { from: asOid(from), to: asOid(to) }, place.gitDir ?? '')).toEqual([
    'a-changed',
    'b-deleted',
  ]);
  expect(readFileSync(join(world.repo, 'a-changed'), 'utf8')).toBe('my own words\n');
  expect(world.git(['status', '--porcelain']).split('\n').sort()).toEqual([' M a-changed', '?? b-deleted']);
});

test('the same move without a kill gives the same files', async () => {
  await using world = makeWorld('land-plain');
  const { from, to } = makeMove(world);
  makeUserEdits(world);
  expect(await follow(world, { from, to })).toBe('followed');
  expectFinished(world, to);
});

/** Looks, lets something happen, and follows. */
async function follow(
  world: World,
  { from, to }: { from: string; to: string },
  meanwhile = (): void => undefined,
): Promise<string> {
  const place = worktreePlace({ path: world.repo, gitDir: join(world.repo, '.git') }, world.env);
  const move = { from: asOid(from), to: asOid(to) };
  const looked = await findObstacles(place, move);
  if (looked.kind !== 'none') throw new Error(`in the way: ${JSON.stringify(looked)}`);
  meanwhile();
  return followMove(place, move, looked.seen);
}

/** As {@link makeMove}, of changes that need no merge of whole trees. */
function makeSmallMove(world: World): { from: string; to: string } {
  world.init({ ...OLD, 'i [x]*': 'a pattern, as a name\n', 'i x*': 'another\n' });
  const from = world.git(['rev-parse', 'HEAD']);
  world.git(['switch', '-qc', 'task']);
  writeFileSync(join(world.repo, 'a-changed'), 'new\n'.repeat(200));
  writeFileSync(join(world.repo, 'e.bat'), 'echo new\r\n');
  writeFileSync(join(world.repo, 'i [x]*'), 'new\n');
  chmodSync(join(world.repo, 'g-mode'), 0o755);
  world.git(['rm', '-q', 'b-deleted', 'c-deep/er/only', 'h-link']);
  symlinkSync('f-kept', join(world.repo, 'h-link'));
  mkdirSync(join(world.repo, 'new'));
  writeFileSync(join(world.repo, 'new/z-added'), 'added\n');
  return { from, to: commitMove(world) };
}

test('a move of few paths changes these alone, whatever they are called', async () => {
  await using world = makeWorld('land-few');
  const { from, to } = makeSmallMove(world);
  makeUserEdits(world);
  writeFileSync(join(world.repo, 'i x*'), 'mine, which the pattern would match\n');
  expect(await follow(world, { from, to })).toBe('followed');
  expect(readFileSync(join(world.repo, 'i x*'), 'utf8')).toBe('mine, which the pattern would match\n');
  expect(existsSync(join(world.repo, 'c-deep'))).toBe(false);
  expect(readFileSync(join(world.repo, 'e.bat'), 'utf8')).toBe('echo new\r\n');
  world.git(['restore', 'i x*']);
  expectFinished(world, to);
});

test.for<[string, (world: World) => void]>([
  ['a file was edited', (world) => appendFileSync(join(world.repo, 'a-changed'), 'mine\n')],
  [
    'a file appeared',
    (world) => {
      mkdirSync(join(world.repo, 'new'));
      writeFileSync(join(world.repo, 'new/z-added'), 'mine\n');
    },
  ],
  [
    'a file was edited back and staged',
    (world) => {
      const old = readFileSync(join(world.repo, 'a-changed'));
      appendFileSync(join(world.repo, 'a-changed'), 'mine\n');
      world.git(['add', 'a-changed']);
      writeFileSync(join(world.repo, 'a-changed'), old);
    },
  ],
  ['a deleted file was edited', (world) => appendFileSync(join(world.repo, 'b-deleted'), 'mine\n')],
])('nothing is overwritten when, between look and move, %s', async ([, touch]) => {
  await using world = makeWorld('land-late');
  const { from, to } = makeSmallMove(world);
  world.git(['update-ref', 'refs/heads/main', from]);
  let before = '';
  const state = (): string =>
    JSON.stringify([listFiles(world.repo), world.git(['status', '--porcelain']), world.git(['write-tree'])]);
  const followed = await follow(world, { from, to }, () => {
    touch(world);
    before = state();
  });
  expect(followed).toBe('untouched');
  expect(state()).toBe(before);
});
