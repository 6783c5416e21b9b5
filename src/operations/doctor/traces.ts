/** What git and the disk still know of tasks whose record is lost: refs, commits, registrations, folders. Looks only. */

import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { asOid, type Oid } from '../../base/oid.ts';
import { readWorktreeIdentity, type WorktreeIdentity } from '../../git/clean-room.ts';
import { findMergeBase, listCommits } from '../../git/commit.ts';
import { findStat, namesIn, readPathFile } from '../../git/files.ts';
import { runGit } from '../../git/git.ts';
import { findCommit, readHead } from '../../git/repository.ts';
import { lockReason } from '../../git/task-dirs.ts';
import { taskDirectory, worktreesDirectory } from '../../store/paths.ts';
import type { Carried } from '../../task/event.ts';
import { parseTaskMessage, type TaskMessage } from '../../task/message.ts';
import { asTaskId, slugFromTitle, taskBranch, taskDirectoryName, type TaskId } from '../../task/names.ts';
import { compareTrees } from '../../git/clean-room.ts';
import { readTree } from '../../git/commit.ts';
import { type Context, dirsOf, userRepository } from '../context.ts';
import { findMovedWorktree } from './find-worktree.ts';
import { traceRemovals, traceSnapshots, type TracedRemoval, type TracedSnapshot } from './traces-kept.ts';

/** A task as far as it can be known without its record. */
export type TracedTask = {
  readonly id: TaskId;
  readonly slug: string;
  readonly branch: string;
  readonly base: Oid;
  readonly carried: Carried | null;
  readonly head: Oid;
  readonly worktreePath: string;
  /** Null: it has no worktree, or a half-made one that no agent has worked in. */
  readonly directory: WorktreeIdentity | null;
  /** The latest run that left a folder, or that a commit names; 1 when there is no sign of any. */
  readonly run: number;
  readonly message: TaskMessage | null;
  readonly target: string | null;
  /** Null: it is open. */
  readonly removal: TracedRemoval | null;
  readonly snapshots: readonly TracedSnapshot[];
};

/** More commits of a task than this are not read to find one of Phasr's. */
const COMMITS_MAX = 2000;
const ID = /^[1-9]\d{0,8}$/;

/** The full names and oids of the refs that tell of tasks. One git process. */
async function readTaskRefs(context: Context): Promise<ReadonlyMap<string, Oid>> {
  const args = ['for-each-ref', '--format=%(objectname) %(refname)', '--', 'refs/heads/phasr', 'refs/phasr'];
  const { stdout } = await runGit(userRepository(context), args);
  const lines = stdout.toString('utf8').split('\n').slice(0, -1);
  return new Map(
    lines.map((line) => [line.slice(line.indexOf(' ') + 1), asOid(line.slice(0, line.indexOf(' ')))]),
  );
}

/** Every task that has left a trace and is not among `known`, by id; those that say too little are named by their ids. */
export async function traceTasks(
  context: Context,
  known: ReadonlySet<number>,
): Promise<{ readonly traced: readonly TracedTask[]; readonly unclear: readonly number[] }> {
  const refs = await readTaskRefs(context);
  const target = readTarget(context);
  const snapshots = await traceSnapshots(context, refs);
  const traced: TracedTask[] = [];
  const unclear: number[] = [];
  for (const id of findIds(context, refs)) {
    if (known.has(id)) continue;
    const task = await traceTask(context, asTaskId(id), { refs, target });
    if (task !== undefined) traced.push({ ...task, snapshots: snapshots.get(id) ?? [] });
    // A registration alone is one of no open task.
    else if (existsSync(join(taskDirectory(context.paths, id), 'clean'))) unclear.push(id);
  }
  const open = new Set([...known, ...unclear, ...traced.map(({ id }) => id)]);
  for (const removal of await traceRemovals(context, refs, { known: open, target })) {
    const task = await traceRemoved(context, removal, { refs, target });
    traced.push({ ...task, snapshots: snapshots.get(removal.id) ?? [] });
  }
  return { traced: traced.sort((one, other) => one.id - other.id), unclear };
}

type Traces = { readonly refs: ReadonlyMap<string, Oid>; readonly target: string | null };

function findIds(context: Context, refs: ReadonlyMap<string, Oid>): ReadonlySet<number> {
  const { tasksDir } = context.paths;
  const ids = [
    ...[...refs.keys()]
      .map((name) => /^refs\/phasr\/base\/(\d+)$/.exec(name)?.[1])
      // What a removed task began with stays as long as it can come back.
      .filter((id) => !refs.has(`refs/phasr/trash/${id}`) || existsSync(join(tasksDir, `${id}`, 'clean'))),
    // A branch alone may have come from another clone.
    ...[...refs.keys()]
      .map((name) => /^refs\/heads\/phasr\/task-(\d+)-/.exec(name)?.[1])
      .filter((id) => id !== undefined && existsSync(join(tasksDir, id))),
    ...namesIn(join(context.repository.commonDir, 'worktrees'))
      .map((name) => /^phasr-(\d+)$/.exec(name)?.[1])
      .filter((id) => isOurRegistration(context, id)),
    // What is left of a merged or discarded task is its transcripts alone.
    ...namesIn(tasksDir).filter((name) => existsSync(join(tasksDir, name, 'clean'))),
  ];
  return new Set(ids.filter((id) => id !== undefined && ID.test(id)).map(Number));
}

function isOurRegistration(context: Context, id: string | undefined): boolean {
  const locked = readPathFile(join(context.repository.commonDir, 'worktrees', `phasr-${id}`, 'locked'));
  return id !== undefined && locked === lockReason(Number(id)).trimEnd();
}

async function traceTask(
  context: Context,
  id: TaskId,
  { refs, target }: Traces,
): Promise<Omit<TracedTask, 'snapshots'> | undefined> {
  const branches = [...refs.keys()].filter((name) => name.startsWith(`refs/heads/phasr/task-${id}-`));
  const folder = await worktreesDirectory(context.user, context.repository.commonDir);
  const slugs = [
    ...branches.map((name) => name.slice(`refs/heads/phasr/task-${id}-`.length)),
    ...findSlugs(context, id),
  ];
  const worktree = slugs
    .map((slug) => ({
      slug,
      path: findMovedWorktree(context, {
        id,
        worktreePath: join(folder, taskDirectoryName(id, slug)),
        directory: null,
      }),
    }))
    .find(({ path, slug }) => path !== undefined && basename(path) === taskDirectoryName(id, slug));
  const slug = worktree?.slug ?? slugs[0];
  if (slug === undefined) return undefined;
  const branch = taskBranch(id, slug);
  const tip = refs.get(`refs/heads/${branch}`);
  const keeper = refs.get(`refs/phasr/base/${id}`) ?? (await findForkPoint(context, tip, target));
  if (keeper === undefined) return undefined;
  const { base, carried } = await readKeeper(context, keeper);
  const head = tip ?? base;
  const message = await findMessage(context, { id, base, head });
  const runs = listRuns(context, id);
  const worktreePath = worktree?.path ?? join(folder, taskDirectoryName(id, slug));
  const isMade =
    worktree?.path !== undefined && isWholeWorktree(context, { id, worktreePath: worktree.path }, runs);
  return {
    id,
    slug,
    branch,
    base,
    carried,
    head,
    worktreePath,
    directory: isMade ? readWorktreeIdentity(worktreePath) : null,
    run: Math.max(1, message?.run ?? 1, ...runs.map(Number)),
    message,
    target,
    removal: null,
  };
}

/** What is merged or given up: its branch and worktree are gone, so names that nothing tells are made again. */
async function traceRemoved(
  context: Context,
  removal: TracedRemoval,
  { refs, target }: Traces,
): Promise<Omit<TracedTask, 'snapshots'>> {
  const { id, head } = removal;
  const keeper = refs.get(`refs/phasr/base/${id}`);
  const began = keeper === undefined ? { base: null, carried: null } : await readKeeper(context, keeper);
  const base = removal.base ?? began.base ?? (await findForkPoint(context, head, target)) ?? head;
  const message = await findMessage(context, { id, base, head });
  const slug = removal.slug ?? slugFromTitle(message?.title ?? '');
  const folder = await worktreesDirectory(context.user, context.repository.commonDir);
  return {
    id,
    slug,
    branch: taskBranch(id, slug),
    base,
    carried: began.carried,
    head,
    worktreePath: removal.worktreePath ?? join(folder, taskDirectoryName(id, slug)),
    directory: null,
    run: Math.max(1, message?.run ?? 1, ...listRuns(context, id).map(Number)),
    message,
    target,
    removal,
  };
}

/** The latest one of Phasr's own. */
async function findMessage(
  context: Context,
  { id, base, head }: { readonly id: TaskId; readonly base: Oid; readonly head: Oid },
): Promise<TaskMessage | null> {
  const commits = await listCommits(userRepository(context), { base, head, max: COMMITS_MAX });
  const messages = commits.map(({ message }) => parseTaskMessage(message, id));
  return messages.findLast((message) => message !== undefined) ?? null;
}

function listRuns(context: Context, id: TaskId): readonly string[] {
  return namesIn(join(taskDirectory(context.paths, id), 'runs')).filter((name) => ID.test(name));
}

/** Slugs that the registration, the private git dir and the folders of worktrees tell of. */
function findSlugs(context: Context, id: TaskId): readonly string[] {
  const dirs = dirsOf(context, { id, worktreePath: '/' });
  const named = [dirs.registrationDir, dirs.privateAdminDir]
    .map((admin) => readPathFile(join(admin, 'gitdir')))
    .filter((path) => path !== undefined)
    .map((path) => basename(dirname(path)));
  const folders = namesIn(context.user.worktrees).flatMap((folder) =>
    namesIn(join(context.user.worktrees, folder)),
  );
  const isSlug = new RegExp(`^${id}-([a-z0-9][a-z0-9-]{0,60})$`);
  return [...new Set([...named, ...folders].flatMap((name) => isSlug.exec(name)?.[1] ?? []))];
}

/** The branch that is checked out where the person stands, or else in the main worktree, unless it is a task's. */
function readTarget(context: Context): string | null {
  const { gitDir, commonDir } = context.repository;
  for (const directory of [gitDir, commonDir]) {
    const head = readHead(directory);
    if (head !== undefined && 'branch' in head && !head.branch.startsWith('phasr/')) return head.branch;
  }
  return null;
}

async function findForkPoint(
  context: Context,
  tip: Oid | undefined,
  target: string | null,
): Promise<Oid | undefined> {
  const place = userRepository(context);
  const other = target === null ? undefined : await findCommit(place, `refs/heads/${target}`);
  return tip === undefined || other === undefined ? undefined : findMergeBase(place, tip, other);
}

/** What the base ref holds: the base commit, or the work that the task began with, two commits above it (`git/carry.ts`). */
async function readKeeper(context: Context, keeper: Oid): Promise<Pick<TracedTask, 'base' | 'carried'>> {
  const place = userRepository(context);
  const { stdout } = await runGit(place, [
    'log',
    '-3',
    '--first-parent',
    '--format=%H %s',
    '--end-of-options',
    keeper,
  ]);
  const [first, second, third] = stdout.toString('utf8').split('\n');
  const isCarried =
    first?.endsWith(' phasr: what was uncommitted') && second?.endsWith(' phasr: what was staged');
  const oidOf = (line: string | undefined): Oid => asOid(line?.slice(0, line.indexOf(' ')) ?? '');
  if (isCarried !== true) return { base: keeper, carried: null };
  const base = oidOf(third);
  const [files, index] = await Promise.all([readTree(place, keeper), readTree(place, oidOf(second))]);
  const count = (await compareTrees(place, base, files)).length;
  return { base, carried: { commit: keeper, index, files, count } };
}

/** False while nothing has worked in it: the files were still being checked out when its launch was cut short. */
function isWholeWorktree(
  context: Context,
  task: { readonly id: TaskId; readonly worktreePath: string },
  runs: readonly string[],
): boolean {
  if (findStat(join(dirsOf(context, task).privateAdminDir, 'index')) !== undefined) return true;
  const folder = join(taskDirectory(context.paths, task.id), 'runs');
  return runs.some((run) => existsSync(join(folder, run, 'output')));
}
