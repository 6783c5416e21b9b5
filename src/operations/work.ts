/** What a task holds that removing it would take from its person: not in its head, not in the target, and made again by no tool. */

import { join } from 'node:path';
import { asOid, type Oid } from '../base/oid.ts';
import { renderCount, renderPath, renderVisible, splitBytes } from '../base/text.ts';
import { captureTree, compareTrees } from '../git/clean-room.ts';
import { readTree } from '../git/commit.ts';
import { findStat, readPlainFile } from '../git/files.ts';
import { type GitPlace, runGit } from '../git/git.ts';
import { expandIgnored, findNestedRepositories, findPrivateCommits, readAllTips } from '../git/keep.ts';
import { lookAt } from '../git/look.ts';
import { readRefAsText } from '../git/refs.ts';
import { listStagedPaths } from '../git/staged-paths.ts';
import { findUnfinished } from '../git/worktree.ts';
import { rewrittenRef } from '../task/names.ts';
import { headOf, type Task } from '../task/task.ts';
import { isCommitted } from './commit.ts';
import { type Context, dirsOf, objectsOf, roomOf, userRepository } from './context.ts';

/** Paths as people read them, commits by their subjects. */
export type Work = {
  /** Changed since the head was recorded, untracked ones too. */
  readonly files: readonly string[];
  /** Staged otherwise than in the head. */
  readonly staged: readonly string[];
  /** Ignored by git, and rebuilt by no tool. */
  readonly ignored: readonly string[];
  /** In no branch of the repository, or not in the target. */
  readonly commits: readonly { readonly oid: Oid; readonly subject: string }[];
  /** What has no better name, a sentence each. */
  readonly others: readonly string[];
};

/** Nothing that would be missed. */
export const NO_WORK: Work = { files: [], staged: [], ignored: [], commits: [], others: [] };

export function isWork({ files, staged, ignored, commits, others }: Work): boolean {
  return [files, staged, ignored, commits, others].some(({ length }) => length > 0);
}

/** More of a kind are counted and not named. */
const NAMED_MAX = 3;

function named(names: readonly string[]): string {
  const more = names.length - NAMED_MAX;
  return names.slice(0, NAMED_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** In one line: `2 changed files (a, b); 1 commit ("subject")`. */
export function describeWork({ files, staged, ignored, commits, others }: Work): string {
  const listed = (paths: readonly string[], one: string): readonly string[] =>
    paths.length === 0 ? [] : [`${renderCount(paths.length, one)} (${named(paths)})`];
  const subjects = commits.map(({ subject }) => `"${renderVisible(subject)}"`);
  return [
    ...listed(subjects, 'commit'),
    ...listed(files, 'changed file'),
    ...listed(staged, 'staged file'),
    ...listed(ignored, 'ignored file'),
    ...others,
  ].join('; ');
}

/**
 * Everything of a task that is in its worktree or in its private git dir and not in its head; in doubt it is work. For a task whose worktree is gone: what the private
 * git dir has. Changes nothing but the clean room, and nothing of the agent's is executed. Throws when it cannot be looked at, which counts as work, too.
 */
export async function findWork(
  context: Context,
  task: Task,
  { head, presence }: { readonly head: Oid; readonly presence: 'present' | 'gone' },
): Promise<Work> {
  const dirs = dirsOf(context, task);
  // Its worktree has never come about: there is no git dir of its own either.
  if (task.directory === null) return NO_WORK;
  const [inFiles, staged, history] = await Promise.all([
    presence === 'gone' ? NO_WORK : findInFiles(context, task, head),
    listStagedPaths(objectsOf(context, task), join(dirs.privateAdminDir, 'index'), head),
    findPrivate(context, task),
  ]);
  const unfinished = findUnfinished(dirs.privateAdminDir);
  const isRewritten = readRefAsText(context.repository.commonDir, rewrittenRef(task.id)) !== undefined;
  return {
    ...inFiles,
    staged: staged.map(renderPath),
    commits: history.commits,
    others: [
      ...inFiles.others,
      ...history.others,
      ...(unfinished === undefined ? [] : [`a ${unfinished} that is not finished`]),
      ...(isRewritten ? [`history below the base commit, in ${rewrittenRef(task.id)}`] : []),
    ],
  };
}

async function findInFiles(context: Context, task: Task, head: Oid): Promise<Work> {
  const room = roomOf(context, task);
  const isHead = task.head?.oid === head && (await isCommitted(context, task));
  const changed = isHead ? NO_WORK : await findChanged(context, task, head);
  const ignored = expandIgnored(task.worktreePath, await lookAt(room));
  const known = readPlainFile(join(room.gitDir ?? '', 'gitlinks'), 16 * 1024 * 1024);
  const gitlinks = splitBytes(Buffer.from(known ?? '', 'latin1'), 0);
  const nested = findNestedRepositories(task.worktreePath, gitlinks).map(
    (path) => `a repository of its own in ${renderPath(path)}`,
  );
  return { ...changed, ignored: ignored.paths.map(renderPath), others: [...changed.others, ...nested] };
}

async function findChanged(context: Context, task: Task, head: Oid): Promise<Work> {
  const objects = objectsOf(context, task);
  const { tree, incomplete } = await captureTree(roomOf(context, task), task.base.oid, {
    keepIndex: false,
    agentIndex: join(dirsOf(context, task).privateAdminDir, 'index'),
  });
  const changes = await compareTrees(objects, await readTree(objects, head), tree);
  const others = incomplete === null ? [] : ['files that cannot be read'];
  return { ...NO_WORK, files: changes.map(({ path }) => renderPath(path)), others };
}

/** Commits that the private git dir alone has: stashes, other branches, detached ones, those that were amended. */
async function findPrivate(context: Context, task: Task): Promise<Work> {
  const dirs = dirsOf(context, task);
  if (findStat(dirs.privateAdminDir)?.isDirectory() !== true)
    return { ...NO_WORK, others: ['its own git dir, which is not there any more'] };
  const objects = objectsOf(context, task);
  const privateObjects = {
    ...objects,
    variables: { ...objects.variables, GIT_OBJECT_DIRECTORY: join(dirs.privateDir, 'objects') },
  };
  const tips = readAllTips(dirs.privateDir, dirs.privateAdminDir);
  const [oids, areReadable] = await Promise.all([
    findPrivateCommits({ repository: userRepository(context), privateObjects }, tips, headOf(task)),
    areThere(privateObjects, tips),
  ]);
  const others = areReadable ? [] : ['commits that cannot be read'];
  return { ...NO_WORK, commits: await nameCommits(privateObjects, oids), others };
}

async function areThere(place: GitPlace, oids: readonly Oid[]): Promise<boolean> {
  if (oids.length === 0) return true;
  const stdin = oids.map((oid) => `${oid}\n`).join('');
  const { stdout } = await runGit(place, ['cat-file', '--batch-check=%(objecttype)'], { stdin });
  return !/ missing$/m.test(stdout.toString('latin1'));
}

const COMMITS_NAMED_MAX = 20;

async function nameCommits(place: GitPlace, oids: readonly Oid[]): Promise<Work['commits']> {
  if (oids.length === 0) return [];
  const args = [
    'log',
    '--no-walk=unsorted',
    '-z',
    '--format=%H %s',
    '--no-show-signature',
    '--end-of-options',
  ];
  return parseSubjects((await runGit(place, [...args, ...oids])).stdout);
}

function parseSubjects(printed: Buffer): Work['commits'] {
  return splitBytes(printed, 0).map((record) => {
    const [oid = '', ...words] = record.toString('utf8').trim().split(' ');
    return { oid: asOid(oid), subject: words.join(' ') };
  });
}

/** The commits of a head that another commit does not have, newest first; at most {@link COMMITS_NAMED_MAX}. */
export async function listOwnCommits(place: GitPlace, head: Oid, without: Oid): Promise<Work['commits']> {
  const args = ['log', `--max-count=${COMMITS_NAMED_MAX}`, '-z', '--format=%H %s', '--no-show-signature'];
  return parseSubjects((await runGit(place, [...args, '--end-of-options', head, `^${without}`])).stdout);
}
