/**
 * The small files by which a task's worktree, its two git dirs and its registration know each other. They hold absolute paths, so they are wrong after
 * the repository, the worktree or the folder of all worktrees was moved. Compared as text and replaced whole; git is not asked, and nothing is followed.
 */

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  realpathSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { branchRef } from '../base/oid.ts';
import { uniqueName } from '../base/unique.ts';
import { escapeValue } from './config.ts';
import { findStat, readPathFile, readPlainFile } from './files.ts';
import { gitFileText, latin1Bytes, lockReason, renderAlternate, type TaskDirs } from './task-dirs.ts';

/** A file that does not say what it should. */
export type WrongLink = {
  readonly path: string;
  /** What it says now, as latin1 text; undefined when it is not there. */
  readonly found: string | undefined;
  /** What it is to say. */
  readonly wanted: string;
};

const SETTINGS_BYTES_MAX = 4 * 1024 * 1024;

/** The repository that a task's git dirs were made for, or mended for last, as the clean room (which no agent writes) names it. */
export function readLinkedCommonDir(dirs: Pick<TaskDirs, 'cleanDir'>): string | undefined {
  const text = readPlainFile(join(dirs.cleanDir, 'objects', 'info', 'alternates'), 8192);
  const line = text === undefined ? undefined : Buffer.from(text, 'latin1').toString('utf8').split('\n')[0];
  if (line === undefined || line === '') return undefined;
  const path = line.startsWith('"')
    ? line.slice(1, -1).replaceAll(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character))
    : line;
  return isAbsolute(path) ? dirname(path) : undefined;
}

/** Every link of a task that is wrong, as its worktree is at `dirs.worktreePath` and its repository at `commonDir`. */
export function findWrongLinks(
  dirs: TaskDirs,
  task: { readonly id: number; readonly branch: string },
  commonDir: string,
): readonly WrongLink[] {
  const dotGit = join(dirs.worktreePath, '.git');
  const isFolder = findStat(dotGit)?.isDirectory() === true;
  const links = [
    // A folder in its place is the agent's doing; nothing of ours reads it.
    ...(isFolder || !existsSync(dirs.worktreePath) ? [] : [pathLink(dotGit, gitFileText(dirs))]),
    ...(existsSync(dirs.privateAdminDir)
      ? [
          pathLink(join(dirs.privateAdminDir, 'gitdir'), `${dotGit}\n`),
          pathLink(join(dirs.privateAdminDir, 'commondir'), '../..\n'),
        ]
      : []),
    ...(existsSync(dirs.registrationDir)
      ? [
          pathLink(join(dirs.registrationDir, 'HEAD'), `ref: ${branchRef(task.branch)}\n`),
          pathLink(join(dirs.registrationDir, 'gitdir'), `${dotGit}\n`),
          pathLink(join(dirs.registrationDir, 'commondir'), '../..\n'),
          pathLink(join(dirs.registrationDir, 'locked'), lockReason(task.id)),
        ]
      : []),
    ...[dirs.privateDir, dirs.cleanDir].flatMap((gitDir) => borrowedLinks(gitDir, dirs, commonDir)),
  ];
  return links.filter(({ found, wanted }) => found !== wanted);
}

/** A removed task's git dirs, which are in the trash: what of them names another repository than `commonDir`. */
export function findWrongBorrowing(
  dirs: Pick<TaskDirs, 'cleanDir' | 'privateDir'>,
  commonDir: string,
): readonly WrongLink[] {
  return [dirs.privateDir, dirs.cleanDir]
    .flatMap((gitDir) => borrowedLinks(gitDir, dirs, commonDir))
    .filter(({ found, wanted }) => found !== wanted);
}

function pathLink(path: string, utf8Text: string): WrongLink {
  return { path, found: readPlainFile(path, 8192), wanted: latin1Bytes(utf8Text) };
}

/** Where a git dir borrows objects, and the settings that name folders of the user's repository (hooks, large files). */
function borrowedLinks(
  gitDir: string,
  dirs: Pick<TaskDirs, 'cleanDir'>,
  commonDir: string,
): readonly WrongLink[] {
  if (!existsSync(gitDir)) return [];
  const old = readLinkedCommonDir(dirs);
  const line = (of: string): string => latin1Bytes(renderAlternate(join(of, 'objects')));
  const alternates = join(gitDir, 'objects', 'info', 'alternates');
  const lines = readPlainFile(alternates, SETTINGS_BYTES_MAX);
  const kept = (lines ?? '').split(/(?<=\n)/).filter((text) => {
    return text !== line(commonDir) && (old === undefined || text !== line(old));
  });
  const start = (of: string): string => `"${escapeValue(latin1Bytes(of))}/`;
  // The second: what the agent was given.
  const configs = ['config', 'given-config'].flatMap((name): readonly WrongLink[] => {
    const path = join(gitDir, name);
    const found = readPlainFile(path, SETTINGS_BYTES_MAX);
    if (found === undefined || old === undefined) return [];
    return [{ path, found, wanted: found.replaceAll(start(old), start(commonDir)) }];
  });
  return [
    ...configs,
    // The last one: it says where the repository was, should the mending be cut short.
    { path: alternates, found: lines, wanted: [line(commonDir), ...kept].join('') },
  ];
}

/**
 * Replaces a link's file, whole. What stands in the agent's git dir is not trusted: a link in place of a folder would lead elsewhere.
 * Gives false, with nothing done, when the way from `top` down is not made of real folders.
 */
export function mendLink({ path, wanted }: WrongLink, top: string): boolean {
  const steps = relative(top, dirname(path))
    .split('/')
    .filter((step) => step !== '');
  let folder = top;
  for (const step of ['', ...steps]) {
    folder = join(folder, step);
    if (findStat(folder)?.isDirectory() !== true) return false;
  }
  const partial = `${path}.phasr-${uniqueName()}`;
  writeFileSync(partial, wanted, { encoding: 'latin1', flag: 'wx' });
  renameSync(partial, path);
  return true;
}

/**
 * Puts a worktree's `.git` file back that `git worktree repair` has pointed at the user's repository, while its agent works. In place: behind walls the agent
 * sees this very file, and no other that took its name. Whatever else the file says is the agent's doing, and stays.
 */
export function keepGitFile(dirs: TaskDirs): void {
  const path = join(dirs.worktreePath, '.git');
  if (readPlainFile(path, 8192)?.trimEnd() !== latin1Bytes(`gitdir: ${dirs.registrationDir}`)) return;
  let file: number;
  try {
    file = openSync(path, constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0));
  } catch {
    // Safe to ignore: it has just gone, or may not be written; the next look finds it as it is.
    return;
  }
  try {
    // Of another name it would be another file as well.
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.nlink !== 1) return;
    const text = Buffer.from(gitFileText(dirs));
    ftruncateSync(file, writeSync(file, text, 0, text.length, 0));
  } finally {
    closeSync(file);
  }
}

/** What a folder is to a task: its own worktree, that of a task of another repository, or neither. */
export type Belonging = 'own' | 'foreign' | 'neither';

/**
 * Tells by the folder's `.git` file. `own`: it leads to the task's git dirs, at their present place or at the one that `old` (the repository's
 * earlier place) says and where they are no more. `foreign`: it leads to git dirs that are there, and are others.
 */
export function belongs(folder: string, dirs: TaskDirs, old: string | undefined): Belonging {
  const target = /^gitdir: (.+)$/s.exec(readPathFile(join(folder, '.git')) ?? '')?.[1];
  if (target === undefined) return 'neither';
  if (target === dirs.privateAdminDir || target === dirs.registrationDir) return 'own';
  if (existsSync(target)) return 'foreign';
  const commonDir = dirname(dirname(dirs.registrationDir));
  const before =
    old === undefined
      ? []
      : [dirs.privateAdminDir, dirs.registrationDir].map((path) => join(old, relative(commonDir, path)));
  return before.includes(target) ? 'own' : 'neither';
}

/** A real folder, reached by no link. */
export function isRealFolder(path: string): boolean {
  return findStat(path)?.isDirectory() === true && realpathSync(path) === path;
}
