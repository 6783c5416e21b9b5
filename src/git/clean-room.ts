/**
 * The clean room: what a worktree holds, as a tree, without git discovering anything there (design §6, ADR 0004).
 *
 * Own git dir, own index, own object store over the files of the worktree. The agent's `.git` file, settings, index flags, hooks and nested
 * repositories have no say; ignore and attribute files are content, as they are for the user's own `git add -A`.
 */

import { lstatSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { uniqueName } from '../base/unique.ts';
import { asOid, type Oid, parseOid } from '../base/oid.ts';
import { decodeUtf8, renderPath, splitBytes } from '../base/text.ts';
import type { Environment } from '../base/environment.ts';
import { FETCH_MISSING, isPartialClone, type Setting } from './config.ts';
import { followAgentIndex } from './agent-index.ts';
import { findClosedFolders, findStat, readPathFile, readPlainFile } from './files.ts';
import { type GitPlace, runGit } from './git.ts';
import { copyIndex, isSameFile } from './index-file.ts';
import { isClean, lookAt } from './look.ts';
import { readRefAsText } from './refs.ts';
import type { TaskDirs } from './task-dirs.ts';

/** The place for git calls of Phasr's own on a task's files. */
export function cleanRoom(dirs: TaskDirs, inherited: Environment): GitPlace {
  return {
    cwd: dirs.worktreePath,
    gitDir: dirs.cleanDir,
    workTree: dirs.worktreePath,
    variables: {},
    inherited,
  };
}

/** As {@link cleanRoom} for calls that need no files, so that they work when the worktree is gone. */
export function cleanObjects(dirs: TaskDirs, inherited: Environment): GitPlace {
  return { cwd: dirs.cleanDir, gitDir: dirs.cleanDir, workTree: null, variables: {}, inherited };
}

export type WorktreeIdentity = { readonly dev: string; readonly ino: string };

/** `gone`: nothing is there. `replaced`: something is there, but not the directory that Phasr made. */
export type WorktreePresence = 'present' | 'gone' | 'replaced';

/** The directory's identity, to recognise it later. Throws when it is no directory. */
export function readWorktreeIdentity(path: string): WorktreeIdentity {
  const stat = lstatSync(path, { bigint: true });
  if (!stat.isDirectory()) throw new Error(`${path} is not a directory`);
  return { dev: String(stat.dev), ino: String(stat.ino) };
}

/** Whether the task's directory is still the one that Phasr made: no link, same inode, no link on the way. */
export function findWorktree(path: string, identity: WorktreeIdentity): WorktreePresence {
  try {
    const found = readWorktreeIdentity(path);
    const same = found.dev === identity.dev && found.ino === identity.ino && realpathSync(path) === path;
    return same ? 'present' : 'replaced';
  } catch {
    // Safe to ignore: the two other answers are told apart below.
    return findStat(path) === undefined ? 'gone' : 'replaced';
  }
}

/** A checkout may take as long as it takes; 2 hours is a limit against hanging for ever. */
const CHECKOUT_TIMEOUT_MS = 2 * 60 * 60_000;

/**
 * Fills the empty worktree with the base commit's files; sparse patterns, filters and line endings as the user has them. What a partial clone has left at its remote comes into the user's own object
 * store.
 */
export async function checkOutBase(
  place: GitPlace,
  base: Oid,
  { settings, commonDir }: { readonly settings: readonly Setting[]; readonly commonDir: string },
): Promise<void> {
  const fetching = { ...FETCH_MISSING, GIT_OBJECT_DIRECTORY: join(commonDir, 'objects') };
  const variables = { ...place.variables, ...(isPartialClone(settings) ? fetching : {}) };
  await runGit({ ...place, variables }, ['read-tree', '--reset', '-u', base], {
    timeoutMs: CHECKOUT_TIMEOUT_MS,
  });
}

/** One entry of a comparison of two trees, as `git diff-tree --raw` gives it. */
export type TreeChange = {
  readonly oldMode: string;
  readonly newMode: string;
  readonly oldOid: string;
  readonly newOid: string;
  /** `A` added, `D` deleted, `M` modified, `T` type changed. */
  readonly status: string;
  readonly path: Buffer;
};

export type Captured = {
  readonly tree: Oid;
  /** What differs between the base commit and the tree. */
  readonly changes: readonly TreeChange[];
  /** Null when every file is in the tree; else git's words on what could not be read. */
  readonly incomplete: string | null;
};

/** Hashing a worktree of many new gigabytes may take long; this is a limit against hanging for ever. */
const CAPTURE_TIMEOUT_MS = 60 * 60_000;
const GITLINK_MODE = '160000';

/**
 * The worktree's files as a tree: for honest work exactly what `git add -A` would stage.
 *
 * Changes only the clean room. Works on a copy of the clean room's index, so that captures at the same time do not meet; `keepIndex` makes the
 * copy the new one (only while no agent is writing: a file changed within the file system's clock tick of a capture would look unchanged); `live`
 * keeps it for the next capture of that kind alone.
 * Three git processes when there are no nested repositories and the agent has not touched its index (`agentIndex`).
 */
export async function captureTree(
  room: GitPlace,
  base: Oid,
  options: { readonly keepIndex: boolean | 'live'; readonly agentIndex: string },
): Promise<Captured> {
  const { gitDir, workTree } = room;
  if (gitDir === null || workTree === null)
    throw new Error('a capture needs the clean room and the worktree');
  const index = join(gitDir, `index.${uniqueName()}`);
  const live = join(gitDir, 'index.live');
  const knowsLive = options.keepIndex === 'live' && findStat(live) !== undefined;
  const own = knowsLive ? live : join(gitDir, 'index');
  // A power cut right after the checkout may have emptied it; the base commit then has to do.
  const isWhole = (findStat(own)?.size ?? 0) > 0;
  if (isWhole) copyIndex(own, index);
  try {
    const place = { ...room, variables: { ...room.variables, GIT_INDEX_FILE: index } };
    if (!isWhole) await runGit(place, ['read-tree', base]);
    const gitlinks = await knownGitlinks(place, gitDir);
    await followAgentIndex(place, { agent: options.agentIndex, seed: join(gitDir, 'index') });
    const incomplete = await stageAll(place, { gitlinks, workTree });
    const tree = asOid((await runGit(place, ['write-tree'])).stdout.toString('latin1').trim());
    const changes = await compareTrees(room, base, tree);
    rememberGitlinks(gitDir, [
      ...gitlinks,
      ...changes.filter((change) => change.newMode === GITLINK_MODE).map(({ path }) => path),
    ]);
    if (options.keepIndex !== false)
      renameSync(index, options.keepIndex === 'live' ? live : join(gitDir, 'index'));
    if (options.keepIndex === true) rmSync(live, { force: true });
    return { tree, changes, incomplete };
  } finally {
    rmSync(index, { force: true });
    rmSync(`${index}.lock`, { force: true });
  }
}

/**
 * Whether a worktree still holds exactly what the clean room's index says, by one look at its files. False when in doubt (also when the agent's
 * index has changed, or there are nested repositories): then a capture tells. One git process.
 */
export async function isUnchanged(room: GitPlace, agentIndex: string): Promise<boolean> {
  const { gitDir } = room;
  if (gitDir === null || readPlainFile(join(gitDir, 'gitlinks'), 1) !== '') return false;
  const looking = lookAt(room);
  // Read while git looks: an index of 50,000 files has 5 MB.
  const isSameIndex = isSameFile(agentIndex, join(gitDir, 'index'));
  return isClean(await looking) && isSameIndex;
}

async function stageAll(
  place: GitPlace,
  worktree: { readonly gitlinks: readonly Buffer[]; readonly workTree: string },
): Promise<string | null> {
  // git must not look into nested repositories that the index knows: it would run git there, with their settings (hazard e14).
  const excluded = await updateGitlinks(place, worktree);
  const pathspecs = [':/', ...excluded.map((path) => `:(top,literal,exclude)${path.toString('latin1')}`)];
  const args = ['add', '-A', '--sparse', '--ignore-errors', '--pathspec-from-file=-', '--pathspec-file-nul'];
  const { exitCode, stderr } = await runGit(place, args, {
    stdin: Buffer.from(pathspecs.join('\0'), 'latin1'),
    ok: [0, 1],
    timeoutMs: CAPTURE_TIMEOUT_MS,
    // What the user's settings refuse must be kept all the same: a capture is no judgement.
    settings: ['core.safecrlf=false', 'advice.addEmbeddedRepo=false', 'advice.addIgnoredFile=false'],
  });
  if (exitCode !== 0) return stderr;
  // Of folders that it could not open git complains, and succeeds.
  const closed = stderr === '' ? [] : findClosedFolders(worktree.workTree);
  return closed.length === 0 ? null : closed.map(shortPath).join('\n');
}

const SHOWN_MAX = 200;

function shortPath(path: Buffer): string {
  const text = renderPath(path);
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}…`;
}

/** What differs between two trees (or commits), renames not looked for. One git process, no file is opened. */
export async function compareTrees(place: GitPlace, from: Oid, to: Oid): Promise<readonly TreeChange[]> {
  return compareBy(place, [], [from, to]);
}

/** As {@link compareTrees}, of the paths that are in both and hold the same kind of thing. */
export async function compareCommonPaths(
  place: GitPlace,
  from: Oid,
  to: Oid,
): Promise<readonly TreeChange[]> {
  return compareBy(place, ['--diff-filter=M'], [from, to]);
}

async function compareBy(
  place: GitPlace,
  filter: readonly string[],
  trees: readonly Oid[],
): Promise<readonly TreeChange[]> {
  const args = [
    'diff-tree',
    '-r',
    '-z',
    '--raw',
    '--no-renames',
    '--ignore-submodules=none',
    '--no-commit-id',
  ];
  const { stdout } = await runGit(place, [...args, ...filter, ...trees]);
  const fields = splitBytes(stdout, 0);
  const changes: TreeChange[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [oldMode = '', newMode = '', oldOid = '', newOid = '', status = ''] = (
      fields[at] ?? Buffer.alloc(0)
    )
      .toString('latin1')
      .slice(1)
      .split(' ');
    changes.push({ oldMode, newMode, oldOid, newOid, status, path: fields[at + 1] ?? Buffer.alloc(0) });
  }
  return changes;
}

/** The paths of nested repositories that the index knows; listed once per task, then kept in a file of the clean room. */
async function knownGitlinks(place: GitPlace, cleanDir: string): Promise<readonly Buffer[]> {
  const known = readPlainFile(join(cleanDir, 'gitlinks'), 16 * 1024 * 1024);
  if (known !== undefined) return splitBytes(Buffer.from(known, 'latin1'), 0);
  const { stdout } = await runGit(place, ['ls-files', '-s', '-z']);
  const mode = Buffer.from(`${GITLINK_MODE} `);
  return splitBytes(stdout, 0)
    .filter((entry) => entry.subarray(0, mode.length).equals(mode))
    .map((entry) => entry.subarray(entry.indexOf(9) + 1));
}

function rememberGitlinks(cleanDir: string, paths: readonly Buffer[]): void {
  const unique = new Set(paths.map((path) => `${path.toString('latin1')}\0`));
  writeFileSync(join(cleanDir, 'gitlinks'), [...unique].join(''), 'latin1');
}

/**
 * Brings the index entries of nested repositories up to date from their files alone; gives the paths that git must not touch.
 * A nested repository's HEAD is read as text; a vanished one is removed; one replaced by a file is left to `git add`.
 */
async function updateGitlinks(
  place: GitPlace,
  worktree: { readonly gitlinks: readonly Buffer[]; readonly workTree: string },
): Promise<readonly Buffer[]> {
  const excluded: Buffer[] = [];
  const updates: Buffer[] = [];
  for (const path of worktree.gitlinks) {
    const directory = Buffer.concat([Buffer.from(`${worktree.workTree}/`), path]);
    const stat = findStat(directory);
    if (stat !== undefined && !stat.isDirectory()) continue;
    excluded.push(path);
    const head = stat === undefined ? null : findNestedHead(directory);
    if (head === null) updates.push(Buffer.from(`0 ${'0'.repeat(40)}\t`), path, Buffer.from('\0'));
    else if (head !== undefined)
      updates.push(Buffer.from(`${GITLINK_MODE} ${head}\t`), path, Buffer.from('\0'));
  }
  if (updates.length > 0)
    await runGit(place, ['update-index', '-z', '--index-info'], { stdin: Buffer.concat(updates) });
  return excluded;
}

/** What a nested repository has checked out, read as text; undefined when the directory is no repository. */
function findNestedHead(directory: Buffer): Oid | undefined {
  const gitDir = findNestedGitDir(directory);
  if (gitDir === undefined) return undefined;
  const head = readPlainFile(join(gitDir, 'HEAD'), 4096)?.trim() ?? '';
  const ref = /^ref: *(refs\/\S+)$/.exec(head)?.[1];
  if (ref === undefined) return parseOid(head);
  const common = readPathFile(join(gitDir, 'commondir'));
  return readRefAsText(common === undefined ? gitDir : resolve(gitDir, common), ref);
}

/** The git dir of a nested repository, as its `.git` says; undefined when there is none. */
export function findNestedGitDir(directory: Buffer): string | undefined {
  // A path that is not UTF-8 cannot be named in a string; its repository stays as it was recorded.
  const path = decodeUtf8(directory);
  if (path === undefined) return undefined;
  const dotGit = join(path, '.git');
  if (findStat(dotGit)?.isDirectory() === true) return dotGit;
  const target = /^gitdir: (.+)$/s.exec(readPathFile(dotGit) ?? '')?.[1];
  return target === undefined ? undefined : resolve(path, target);
}
