/** Brings what an agent has made in git over to the user's repository: its commits by themselves, anything else by name; and the user's newer refs to the task. */

import { join } from 'node:path';
import { branchRef, type Oid, tagRef } from '../base/oid.ts';
import { PhasrError } from '../base/errors.ts';
import { findStat } from '../git/files.ts';
import { type Made, NOTHING_MADE, readMade, refreshRefs } from '../git/made.ts';
import { changeRefs, readRefAsText } from '../git/refs.ts';
import { readRepositoryFacts } from '../git/task-dirs.ts';
import { transferCommits } from '../git/transfer.ts';
import { withMutex } from '../store/mutex.ts';
import { refuse, type Refusal } from '../task/decide.ts';
import type { TakenRef } from '../task/event.ts';
import type { TaskId } from '../task/names.ts';
import type { Task } from '../task/task.ts';
import { harvestCommits, privateObjects, readOwnTips } from './commit.ts';
import { type Context, dirsOf, objectsOf, recordFacts, requireTask, userRepository } from './context.ts';

/** Moves the task branch to the agent's latest own commit. Reads a few small files when there is nothing new. */
export async function syncTask(context: Context, task: Task): Promise<Task> {
  const dirs = dirsOf(context, task);
  if (task.directory === null || findStat(dirs.privateDir) === undefined) return task;
  const branch = readRefAsText(userRepository(context).commonDir, branchRef(task.branch));
  const known = new Set([branch, task.head?.oid, task.base.oid]);
  if (readOwnTips(dirs, task).every((tip) => known.has(tip))) return task;
  await harvestCommits(context, task);
  return requireTask(context, task.id);
}

/** Whoever looks at the branch with his own git sees the agent's commits so soon. */
const BRING_EVERY_MS = 2000;

export type Bringer = {
  /** Brings new commits over, now and then; of what cannot be brought over the end of the run will tell. */
  readonly look: (task: Task) => Promise<void>;
};

/** Brings an agent's commits over while it works. No git process runs while there is nothing new. */
export function bringWhileWorking(context: Context): Bringer {
  let lookedAtMs = context.clock.nowMs();
  let seen = '';
  return {
    look: async (task) => {
      const nowMs = context.clock.nowMs();
      if (nowMs - lookedAtMs < BRING_EVERY_MS) return;
      lookedAtMs = nowMs;
      // A history that has to wait for the end of the run is tried once.
      const tips = readOwnTips(dirsOf(context, task), task).join(' ');
      if (tips === seen) return;
      seen = tips;
      try {
        await syncTask(context, task);
      } catch (error) {
        if (!(error instanceof PhasrError)) throw error;
      }
    },
  };
}

/** What else the agent has made; what the user's repository has in the same place is left out. Nothing where there is no git dir of its own (any more). */
export async function findMade(context: Context, task: Task): Promise<Made> {
  const dirs = dirsOf(context, task);
  if (task.directory === null || findStat(dirs.privateDir) === undefined) return NOTHING_MADE;
  const made = await readMade(dirs, branchRef(task.branch), objectsOf(context, task));
  const { commonDir } = context.repository;
  return { ...made, refs: made.refs.filter(({ name, oid }) => readRefAsText(commonDir, name) !== oid) };
}

export type SyncRequest = {
  /** Tags and branches of the agent's to be taken, by their short names. */
  readonly tags: readonly string[];
  readonly branches: readonly string[];
  /** Gives the task the user's refs as they are now. */
  readonly refresh: boolean;
};

export type SyncOutcome =
  | {
      readonly kind: 'synced';
      readonly task: Task;
      /** Where the task branch is; null when there is none. */
      readonly tip: Oid | null;
      readonly taken: readonly TakenRef[];
      /** What the task has now of the user's refs; null when that was not asked for. */
      readonly refreshed: { readonly changed: number; readonly kept: readonly string[] } | null;
      /** What of the agent's is still its own alone. */
      readonly made: Made;
    }
  | Refusal;

/** Brings the branch over and, by name, what else the agent has made. All of the named refs, or none. */
export async function syncNow(context: Context, id: TaskId, request: SyncRequest): Promise<SyncOutcome> {
  const task = await syncTask(context, requireTask(context, id));
  if (task.directory === null || findStat(dirsOf(context, task).privateDir) === undefined)
    return refuse('no-worktree', `task ${id} has no git dir of its own (any more)`, {
      hint: `phasr show ${id}`,
    });
  const made = await findMade(context, task);
  const plan = planTaking(context, task, { made, request });
  if ('kind' in plan) return plan;
  if (plan.length > 0) {
    const refusal = await changeTaken(context, task, plan);
    if (refusal !== undefined) return refusal;
  }
  const refreshed = request.refresh ? await refresh(context, task) : null;
  if (refreshed !== null && 'reason' in refreshed) return refreshed;
  return {
    kind: 'synced',
    task: requireTask(context, id),
    tip: readRefAsText(context.repository.commonDir, branchRef(task.branch)) ?? null,
    taken: plan,
    refreshed,
    made: plan.length === 0 ? made : await findMade(context, task),
  };
}

function planTaking(
  context: Context,
  { id }: Task,
  { made, request }: { readonly made: Made; readonly request: SyncRequest },
): readonly TakenRef[] | Refusal {
  const names = [...request.tags.map(tagRef), ...request.branches.map(branchRef)];
  const plan: TakenRef[] = [];
  for (const name of new Set(names)) {
    const found = made.refs.find((ref) => ref.name === name);
    // Only what is on that list is looked up: what was typed may be no name of a ref.
    if (found === undefined)
      return refuse('not-made', `task ${id} has made no ${name} that you have not`, {
        hint: `See what it has made: phasr sync ${id}`,
      });
    const there = readRefAsText(context.repository.commonDir, name);
    if (there !== undefined)
      return refuse('branch-taken', `you have another ${name}`, {
        hint: `Rename yours, or the task's: phasr exec ${id} -- git …`,
      });
    plan.push({ name, before: null, after: found.oid });
  }
  return plan;
}

/** Moves refs from `before` to `after` in one transaction and records that; the objects come from the private git dir. A refusal when one has moved. */
export async function changeTaken(
  context: Context,
  task: Task,
  refs: readonly TakenRef[],
): Promise<Refusal | undefined> {
  const place = userRepository(context);
  const tips = refs.flatMap(({ after }): readonly Oid[] => (after === null ? [] : [after]));
  const dirs = dirsOf(context, task);
  const arrived =
    tips.length === 0 || findStat(join(dirs.privateDir, 'objects')) === undefined
      ? undefined
      : await transferCommits({
          from: privateObjects(context, dirs),
          to: place,
          tips,
          known: [task.base.oid],
          scope: 'local',
        });
  try {
    const changes = refs.map(({ name, before, after }) => ({ name, expected: before, to: after }));
    if ((await changeRefs(place, changes, `sync task ${task.id}`)) === 'moved')
      return refuse('built-upon', `${refs.map(({ name }) => name).join(', ')} moved in between`, {
        hint: 'See where: git show-ref',
      });
    recordFacts(context, task.id, () => [{ type: 'refs.taken', refs }]);
    return undefined;
  } finally {
    arrived?.release();
  }
}

async function refresh(
  context: Context,
  task: Task,
): Promise<{ readonly changed: number; readonly kept: readonly string[] } | Refusal> {
  const { launchGitDir, base } = task;
  const facts = await readRepositoryFacts(userRepository(context), { launchGitDir, base: base.oid });
  // An agent may be at work: its own git is kept off by git's own lock, another refresh by ours.
  const refreshed = await withMutex(context.paths.mutex, context.clock, async () =>
    refreshRefs(dirsOf(context, task), facts.packedRefs),
  );
  if (refreshed.kind !== 'busy') return { changed: refreshed.changed, kept: refreshed.kept };
  return refuse('in-progress', `the git of task ${task.id} is at work on its refs`, { hint: 'Try again.' });
}
