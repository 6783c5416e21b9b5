/** What every operation is given: one repository, its records, the user's machine-wide ones, and the outside world. */

import { type Clock, waitUntil } from '../base/clock.ts';
import { PhasrError } from '../base/errors.ts';
import { identityKey, parseIdentityKey } from '../base/identity.ts';
import { STARTER } from '../git/environment.ts';
import type { GitPlace } from '../git/git.ts';
import { type Repository, repositoryPlace } from '../git/repository.ts';
import { cleanObjects, cleanRoom } from '../git/clean-room.ts';
import { taskDirs, type TaskDirs } from '../git/task-dirs.ts';
import type { Environment } from '../base/environment.ts';
import { hasProcessWith, isAlive, ownIdentity } from '../process/table.ts';
import { type RepositoryPaths, taskDirectory, type UserPaths } from '../store/paths.ts';
import type { Places } from '../store/places.ts';
import type { TaskStore } from '../store/task-store.ts';
import { refuse, type Refusal } from '../task/decide.ts';
import type { TaskEvent } from '../task/event.ts';
import type { TaskId } from '../task/names.ts';
import type { Task } from '../task/task.ts';

export type Context = {
  readonly repository: Repository;
  /** The task in whose worktree the person stands, if any. */
  readonly currentTask: TaskId | null;
  readonly paths: RepositoryPaths;
  readonly user: UserPaths;
  readonly store: TaskStore;
  /** Opened at first use. */
  readonly places: () => Places;
  readonly clock: Clock;
  /** The user's environment; git calls scrub it, agents get it. */
  readonly env: Environment;
  /** Program and first arguments that start a process of Phasr's own (supervisor, sweeper). */
  readonly helper: readonly [string, ...string[]];
};

/** The place for refs and objects of the user's repository. */
export function userRepository(context: Context): GitPlace & { commonDir: string } {
  const { commonDir } = context.repository;
  return { ...repositoryPlace(context.repository, context.env), commonDir };
}

/** Where a task's two git dirs, its registration and its worktree are. */
export function dirsOf(context: Context, task: Pick<Task, 'id' | 'worktreePath'>): TaskDirs {
  return taskDirs(task, {
    commonDir: context.repository.commonDir,
    taskDir: taskDirectory(context.paths, task.id),
  });
}

/** The task's clean room over its worktree. */
export function roomOf(context: Context, task: Pick<Task, 'id' | 'worktreePath'>): GitPlace {
  return cleanRoom(dirsOf(context, task), context.env);
}

/** The task's clean room for objects alone. */
export function objectsOf(context: Context, task: Pick<Task, 'id' | 'worktreePath'>): GitPlace {
  return cleanObjects(dirsOf(context, task), context.env);
}

/** Throws `task-not-found`. */
export function requireTask(context: Context, id: TaskId): Task {
  const task = context.store.find(id);
  if (task !== undefined) return task;
  throw new PhasrError('task-not-found', `there is no task ${id} in this repository`, {
    hint: 'See them all: phasr list --all',
  });
}

/** Somebody else may append between reading and writing; more than this in a row is a bug. */
const APPEND_TRIES_MAX = 100;

/** Decides on the task as it is now and records the events, again if somebody was faster. */
export function record(
  context: Context,
  id: TaskId,
  decide: (task: Task) => readonly TaskEvent[] | Refusal,
): Task | Refusal {
  for (let tries = 0; tries < APPEND_TRIES_MAX; tries++) {
    const task = requireTask(context, id);
    const decision = decide(task);
    if ('kind' in decision) return decision;
    if (decision.length === 0) return task;
    const next = context.store.append(task, decision, context.clock.nowMs());
    if (next !== 'moved') return next;
  }
  throw new Error(`task ${id} changes faster than it can be recorded`);
}

/** As {@link record} for facts, which nothing refuses. */
export function recordFacts(context: Context, id: TaskId, facts: (task: Task) => readonly TaskEvent[]): Task {
  const recorded = record(context, id, facts);
  if (isRefusal(recorded)) throw new Error('a fact was refused');
  return recorded;
}

export function isRefusal(value: Task | Refusal): value is Refusal {
  return 'kind' in value && value.kind === 'refused';
}

/**
 * Makes this process the one that goes on with something, unless a living process is at it.
 * Gives a function that lets go; undefined when somebody else has it.
 */
export async function takeClaim(context: Context, key: string): Promise<(() => void) | undefined> {
  const me = identityKey(await ownIdentity());
  const holder = context.store.findClaim(key);
  if (holder !== me) {
    if (holder !== undefined) {
      if (await isHolderAlive(holder)) return undefined;
      await awaitOrphans(context, holder);
    }
    if (!context.store.claim(key, { from: holder, to: me })) return undefined;
  }
  return () => context.store.release(key, me);
}

/** A git that moves a ref is done in milliseconds; one that checks out a large tree is not waited for to its end. */
const ORPHAN_WAIT_MS = 5000;

/** A killed process leaves the git that it has started at work; what that does must not come after a look at what has been done. */
async function awaitOrphans({ clock }: Context, holder: string): Promise<void> {
  const pid = parseIdentityKey(holder)?.pid;
  if (pid === undefined) return;
  const isOver = async (): Promise<true | undefined> =>
    (await hasProcessWith(`${STARTER}=${pid}`)) ? undefined : true;
  await waitUntil(clock, isOver, { everyMs: 10, limitMs: ORPHAN_WAIT_MS });
}

/** A supervisor that has recorded a run's end lets go of its task within moments; nobody who comes then is to be sent away. */
const CLAIM_WAIT_MS = 5000;

/** As {@link takeClaim}, for what a person asks for: waits a little for whoever is about to let go. */
export async function awaitClaim(context: Context, key: string): Promise<(() => void) | undefined> {
  return waitUntil(context.clock, () => takeClaim(context, key), { everyMs: 20, limitMs: CLAIM_WAIT_MS });
}

/** Does something to a task as the one process that goes on with it; refused while another one does not let go. */
export async function withTask<T>(
  context: Context,
  id: TaskId,
  work: (task: Task) => Promise<T>,
): Promise<T | Refusal> {
  const release = await awaitClaim(context, taskClaim(id));
  if (release === undefined)
    return refuse('in-progress', `another phasr process is at task ${id}`, { hint: 'Try again.' });
  try {
    return await work(requireTask(context, id));
  } finally {
    release();
  }
}

/** Whether the process that an identity key names still lives. */
export async function isHolderAlive(holder: string): Promise<boolean> {
  const identity = parseIdentityKey(holder);
  return identity !== undefined && (await isAlive(identity));
}

/** Held by the process that empties the trash. */
export const SWEEP_CLAIM = 'sweep';

/** Where the main worktree was when somebody launched a task from it; a separate git dir does not say. */
export const MAIN_WORKTREE_FACT = 'main worktree';

export function taskClaim(id: TaskId): string {
  return `task ${id}`;
}
