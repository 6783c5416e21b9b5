/**
 * Everything of a task that is in no branch of the user's: ignored files, staged contents, other branches and stashes of the agent, nested repositories.
 * Found from files and objects alone; nothing of the agent's is executed.
 */

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { asOid, type Oid, parseOid } from '../base/oid.ts';
import { uniqueName } from '../base/unique.ts';
import { findNestedGitDir } from './clean-room.ts';
import { findEntries, findStat, readPlainFile } from './files.ts';
import { type GitPlace, runGit } from './git.ts';
import type { Look } from './look.ts';
import { readPackedRefs } from './refs.ts';
import { alternateVariable } from './task-dirs.ts';

/** Folders and files that tools make again from what is committed; never kept. Names only, at any depth. */
const REBUILDABLE_NAMES: ReadonlySet<string> = new Set(
  [
    'node_modules bower_components .pnpm-store .yarn .venv venv __pycache__ .tox .nox .eggs .bundle',
    '.mypy_cache .pytest_cache .ruff_cache .cache .turbo .parcel-cache .vite .next .nuxt .svelte-kit',
    'target build _build dist out obj deps coverage .nyc_output .gradle .dart_tool DerivedData',
    '.terraform .stack-work zig-cache elm-stuff .DS_Store Thumbs.db',
  ].flatMap((names) => names.split(' ')),
);
const REBUILDABLE_ENDINGS = /\.(?:pyc|pyo|o|obj|class|tsbuildinfo)$/;

/** More than this is not put into the repository; the files stay on the disk instead. */
export const IGNORED_BYTES_MAX = 512 * 1024 * 1024;

export type IgnoredFiles = { readonly paths: readonly Buffer[]; readonly bytes: number };

/** Files that git ignores and that no tool makes again: `.env.local`, a database, notes. No git process. */
export function expandIgnored(worktreePath: string, { ignored }: Look): IgnoredFiles {
  const paths: Buffer[] = [];
  let bytes = 0;
  for (const listed of ignored) {
    for (const path of expand(worktreePath, listed)) {
      paths.push(path);
      bytes += findStat(Buffer.concat([Buffer.from(`${worktreePath}/`), path]))?.size ?? 0;
    }
  }
  return { paths, bytes };
}

/** Whether tools make a file or folder of this name again. */
export function isRebuildable(name: string, isFolder: boolean): boolean {
  return REBUILDABLE_NAMES.has(name) || (!isFolder && REBUILDABLE_ENDINGS.test(name));
}

/** A listed directory (with its closing slash) as the files in it, without what is rebuildable; links are not followed. */
function* expand(top: string, listed: Buffer): Generator<Buffer> {
  const isDirectory = listed.at(-1) === 0x2f;
  const path = isDirectory ? listed.subarray(0, -1) : listed;
  const name = path.subarray(path.lastIndexOf(0x2f) + 1).toString('latin1');
  if (isRebuildable(name, isDirectory)) return;
  if (!isDirectory) return yield path;
  const directory = Buffer.concat([Buffer.from(`${top}/`), path]);
  for (const entry of findEntries(directory) ?? []) {
    const child = Buffer.concat([path, Buffer.from('/'), entry.name]);
    if (entry.isDirectory()) yield* expand(top, Buffer.concat([child, Buffer.from('/')]));
    else if (entry.isFile() || entry.isSymbolicLink()) yield* expand(top, child);
  }
}

/** A tree of the clean room's with some ignored files added. Three git processes. */
export async function addIgnored(room: GitPlace, tree: Oid, paths: readonly Buffer[]): Promise<Oid> {
  const index = join(room.gitDir ?? '', `index.ignored.${uniqueName()}`);
  const place = { ...room, variables: { ...room.variables, GIT_INDEX_FILE: index } };
  const pathspecs = paths.map((path) => `:(top,literal)${path.toString('latin1')}`).join('\0');
  const args = ['add', '-f', '--sparse', '--pathspec-from-file=-', '--pathspec-file-nul'];
  try {
    await runGit(place, ['read-tree', tree]);
    await runGit(place, args, { stdin: Buffer.from(pathspecs, 'latin1'), timeoutMs: 60 * 60_000 });
    return asOid((await runGit(place, ['write-tree'])).stdout.toString('latin1').trim());
  } finally {
    rmSync(index, { force: true });
    rmSync(`${index}.lock`, { force: true });
  }
}

/** More ends of history than this are kept in the order they are found, the rest is not; no honest task has as many. */
const TIPS_MAX = 100;

/** Every object id that a private git dir names (refs, stash, reflogs of HEAD and stash), read as text. */
export function readAllTips(privateDir: string, adminDir: string): readonly Oid[] {
  const tips = new Set<Oid>(readPackedRefs(privateDir).values());
  const addAll = (text: string): void => {
    for (const word of text.split(/\s+/)) {
      const oid = parseOid(word);
      if (oid !== undefined) tips.add(oid);
    }
  };
  for (const path of listFiles(join(privateDir, 'refs'))) addAll(readPlainFile(path, 256) ?? '');
  for (const name of ['HEAD', 'ORIG_HEAD', 'MERGE_HEAD', 'CHERRY_PICK_HEAD', 'REBASE_HEAD', 'logs/HEAD']) {
    addAll(readPlainFile(join(adminDir, name), 16 * 1024 * 1024) ?? '');
  }
  addAll(readPlainFile(join(privateDir, 'logs', 'refs', 'stash'), 16 * 1024 * 1024) ?? '');
  return [...tips];
}

function* listFiles(directory: string): Generator<string> {
  if (findStat(directory)?.isDirectory() !== true) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* listFiles(path);
    else yield path;
  }
}

/**
 * Which of some oids are commits that neither the recorded head nor a ref of the user's leads to; those that others of them lead to are left out. That a commit is among the
 * user's objects holds nothing: a sweeper that was killed has brought it there. Nor do Phasr's refs, which go when they expire.
 * At most {@link TIPS_MAX}. Up to three git processes.
 */
export async function findPrivateCommits(
  places: { readonly repository: GitPlace; readonly privateObjects: GitPlace },
  oids: readonly Oid[],
  head: Oid,
): Promise<readonly Oid[]> {
  const commits = await checkObjects(
    places.privateObjects,
    oids.map((oid) => `${oid}^{commit}`),
    'commit',
  );
  const unheld = await listUnheld(places, [...new Set(commits.map(asOid))], head);
  const unique = unheld.slice(0, TIPS_MAX);
  if (unique.length < 2) return unique;
  const { stdout } = await runGit(places.privateObjects, ['merge-base', '--independent', ...unique]);
  return stdout
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '')
    .map(asOid);
}

/** Those of some commits that no ref of the user's leads to. One git process. */
async function listUnheld(
  { repository, privateObjects }: { readonly repository: GitPlace; readonly privateObjects: GitPlace },
  commits: readonly Oid[],
  head: Oid,
): Promise<readonly Oid[]> {
  if (commits.length === 0) return [];
  const objects = privateObjects.variables['GIT_OBJECT_DIRECTORY'] ?? '';
  const variables = { ...repository.variables, ...alternateVariable(objects) };
  const ours = ['--exclude=refs/phasr/*', '--exclude=refs/heads/phasr/*'];
  const { stdout } = await runGit(
    { ...repository, variables },
    ['rev-list', '--stdin', ...ours, '--not', '--all'],
    { stdin: `${commits.map((oid) => `${oid}\n`).join('')}^${head}\n` },
  );
  const unheld = new Set(stdout.toString('latin1').split('\n'));
  return commits.filter((oid) => unheld.has(oid));
}

/** The names of which `git cat-file --batch-check` says that they are of a type, or `missing`. */
async function checkObjects(
  place: GitPlace,
  names: readonly string[],
  wanted: string,
): Promise<readonly string[]> {
  if (names.length === 0) return [];
  const { stdout } = await runGit(place, ['cat-file', '--batch-check=%(objectname) %(objecttype)'], {
    stdin: names.map((name) => `${name}\n`).join(''),
  });
  return stdout
    .toString('latin1')
    .split('\n')
    .filter((line) => line.endsWith(` ${wanted}`))
    .map((line) => line.slice(0, line.indexOf(' ')));
}

/** Nested repositories in a worktree whose own history or settings are there: their folders must not be deleted as if they were files. */
export function findNestedRepositories(worktreePath: string, gitlinks: readonly Buffer[]): readonly Buffer[] {
  return gitlinks.filter(
    (path) => findNestedGitDir(Buffer.concat([Buffer.from(`${worktreePath}/`), path])) !== undefined,
  );
}
