/** What holds at each moment after a kill: no work is lost, nothing of the person's is touched, and in the end nothing is left lying about. */

import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { listFiles } from '../files.ts';
import type { World } from '../world.ts';
import type { Operation, Work } from './matrix.ts';

/** Written by the agent as its last deed: from then on its work must be somewhere. */
export const AGENT_ENDED = 'agent-ended';
/** One line for each time that the agent was started. */
export const AGENT_STARTS = 'agent-starts';

/** Every piece of work is held by a ref, lies in a worktree or the trash, or is reachable in a private git dir. */
export function expectKept(world: World, work: Work, when: string): void {
  if (!existsSync(join(world.home, AGENT_ENDED))) return;
  const starts = readFileSync(join(world.home, AGENT_STARTS), 'utf8').length;
  if (starts !== 1) throw new Error(`the agent was started ${starts} times`);
  let missing = Object.entries(work).map(([name, content]) => ({ name, oid: blobOid(Buffer.from(content)) }));
  for (const find of [findReachable, findFiles, findPrivate]) {
    if (missing.length === 0) return;
    const found = find(world);
    missing = missing.filter(({ oid }) => !found.has(oid));
  }
  if (missing.length > 0) throw new Error(`lost ${when}: ${missing.map(({ name }) => name).join(', ')}`);
}

function blobOid(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}

/** Held by the person's branches, the task's, or Phasr's refs. */
function findReachable(world: World): ReadonlySet<string> {
  return parseObjects(world.git(['rev-list', '--objects', '--all']));
}

function findFiles(world: World): ReadonlySet<string> {
  const worktrees = join(world.home, '.phasr/worktrees');
  const files = listPaths(worktrees).filter((path) => lstatSync(path).isFile());
  return new Set(files.map((path) => blobOid(readFileSync(path))));
}

/** What the agent's own git would still find: its refs, reflogs and index. */
function findPrivate(world: World): ReadonlySet<string> {
  const found = new Set<string>();
  for (const folder of ['tasks', 'trash']) {
    for (const name of listNames(join(world.repo, '.git/phasr', folder))) {
      const gitDir = join(world.repo, '.git/phasr', folder, name, 'git');
      const [admin] = listNames(join(gitDir, 'worktrees'));
      if (admin === undefined) continue;
      const adminDir = join(gitDir, 'worktrees', admin);
      if (!existsSync(join(adminDir, 'index'))) continue;
      const args = ['rev-list', '--objects', '--all', '--reflog', '--indexed-objects'];
      for (const oid of parseObjects(world.git([`--git-dir=${adminDir}`, ...args]))) found.add(oid);
    }
  }
  return found;
}

function parseObjects(lines: string): ReadonlySet<string> {
  return new Set(lines.split('\n').map((line) => line.slice(0, 40)));
}

/** The person's files, index, stash, settings and refs, without what a merge brings. */
export type UserState = Readonly<Record<string, unknown>>;

/** Looks at everything of the person's that no operation may change. */
export function seeUser(world: World, { brings }: Operation): UserState {
  const isBrought = (path: string): boolean => brings.includes(path);
  const isOurs = /refs\/(?:heads\/phasr|phasr|heads\/main)\b|refs\/heads\/main$/;
  return {
    files: Object.entries(listFiles(world.repo)).filter(([path]) => !isBrought(path)),
    index: world
      .git(['ls-files', '-s'])
      .split('\n')
      .filter((line) => !isBrought(line.slice(line.indexOf('\t') + 1))),
    stash: world.git(['log', '-g', '--format=%H %gs', 'refs/stash']),
    settings: [join(world.repo, '.git/config'), join(world.home, '.gitconfig')].map((path) =>
      readFileSync(path, 'utf8'),
    ),
    head: readFileSync(join(world.repo, '.git/HEAD'), 'utf8'),
    refs: world
      .git(['for-each-ref', '--format=%(refname) %(objectname)'])
      .split('\n')
      .filter((line) => !isOurs.test(line)),
  };
}

export function expectUserUntouched(world: World, operation: Operation, before: UserState): void {
  const now = seeUser(world, operation);
  for (const [what, value] of Object.entries(before)) {
    const [was, is] = [JSON.stringify(value), JSON.stringify(now[what])];
    if (was !== is) throw new Error(`the person's ${what} changed\nfrom ${was}\nto   ${is}`);
  }
}

/** Nothing of the kind stays, with or without a kill: locks, what git or Phasr was writing, what protects objects for a while, a person's environment. */
const NEVER = /\.lock$|\.keep$|\.new$|\.failed$|\/tmp_|phasr-index|environment\.json/;

/** After the last command: no lock, no half-made file, no registration, branch or worktree without a task, and nothing that was not there without the kill. */
export function expectNothingLeft(world: World, reference: ReadonlySet<string>): void {
  const left = listOwn(world).filter((path) => !reference.has(path) || NEVER.test(path));
  if (left.length > 0) throw new Error(`left lying about: ${left.join(', ')}`);
  if (/^prunable/m.test(world.git(['worktree', 'list', '--porcelain'])))
    throw new Error('a worktree is registered that is not there');
  world.git(['fsck', '--no-dangling', '--no-progress']);
}

/** Names that differ from world to world, and files of which nobody minds one more. */
const VARIES = /repo-[0-9a-f]{8}/g;
const HARMLESS =
  /\.log$|\.db-(?:wal|shm)$|phasr\/watchers$|(?:^|\/)repo\/\.git\/(?:logs|(?:refs(?!.*\.lock$)|packed-refs$|info\/refs$))/;

/** Every path of git's and of Phasr's, objects excepted: those are counted by what holds them. */
export function listOwn(world: World): readonly string[] {
  const paths = [join(world.repo, '.git'), join(world.home, '.phasr')].flatMap((root) => listPaths(root));
  const refs = world.git(['for-each-ref', '--format=%(refname)']).split('\n');
  return [...paths.map((path) => relative(world.root, path).replaceAll(VARIES, 'repo')), ...refs].filter(
    (path) => !HARMLESS.test(path) && !isObject(path),
  );
}

/** A loose object or a pack; not a `.keep`, nor anything temporary, which would stay for ever. */
function isObject(path: string): boolean {
  return /\/objects\/(?:[0-9a-f]{2}(?:\/[0-9a-f]{38})?|pack\/pack-\w+\.(?:pack|idx|rev)|info\/\w+)$/.test(
    path,
  );
}

function listPaths(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name));
}

function listNames(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
