/**
 * Takes a merge back: the target goes where it was by compare-and-swap, the files of a worktree that has it checked out following, as in a merge; then the task is
 * restored. Only while nothing was built upon the merge.
 */

import { branchRef, shortOid } from '../base/oid.ts';
import { renderVisible } from '../base/text.ts';
import { finishFollowing, followMove } from '../git/land.ts';
import { changeRefs, readRefAsText, type RefChange } from '../git/refs.ts';
import { worktreePlace } from '../git/repository.ts';
import { withMutex } from '../store/mutex.ts';
import { refuse, type Refusal } from '../task/decide.ts';
import type { MergeIntent } from '../task/event.ts';
import { trashRef } from '../task/names.ts';
import type { Task } from '../task/task.ts';
import { type Context, isRefusal, record, recordFacts, requireTask, userRepository } from './context.ts';
import { restoreClaimed, type RestoreOutcome } from './restore.ts';
import { type Clear, findTarget, findTargetObstacle, readSurroundings, type Target } from './target.ts';

export type UnmergePlan = { readonly kind: 'ready'; readonly target: Target; readonly clear: Clear };

/** Looks whether a merge can be taken back. Nothing is moved. */
export async function planUnmerge(
  context: Context,
  task: Task,
  intent: MergeIntent,
): Promise<UnmergePlan | Refusal> {
  const target = await findTarget(context, task, {
    into: intent.target,
    ...(await readSurroundings(context)),
  });
  if ('kind' in target) return target;
  const shown = renderVisible(intent.target);
  if (target.oid !== intent.candidate) {
    const isMergeCommit = intent.candidate !== intent.head && intent.strategy === 'merge';
    const range = isMergeCommit ? `-m 1 ${intent.candidate}` : `${intent.expected}..${intent.candidate}`;
    return refuse(
      'built-upon',
      `${shown} has gone on since the merge of task ${task.id} (now ${shortOid(target.oid)})`,
      {
        hint: `A commit that reverts it: git revert ${range}`,
      },
    );
  }
  const found = await findTargetObstacle(context, target, { from: intent.candidate, to: intent.expected });
  return found.kind === 'refused' ? found : { kind: 'ready', target, clear: found };
}

/** For whoever has the task's claim; the task is a merged one. */
export async function unmergeTask(
  context: Context,
  task: Task,
  intent: MergeIntent,
): Promise<RestoreOutcome> {
  const moved = await withMutex(context.paths.mutex, context.clock, async () => {
    const plan = await planUnmerge(context, task, intent);
    if (plan.kind === 'refused') return plan;
    const { target, clear } = plan;
    const now: MergeIntent = { ...intent, worktree: target.worktree };
    const started = record(context, task.id, (current) =>
      current.phase.kind === 'merged'
        ? [{ type: 'unmerge.started', ...now }]
        : refuse('in-progress', `another phasr process is at task ${task.id}`, { hint: 'Try again.' }),
    );
    return isRefusal(started) ? started : moveTargetBack(context, started, { intent: now, clear });
  });
  return 'kind' in moved ? moved : restoreClaimed(context, moved);
}

async function moveTargetBack(
  context: Context,
  task: Task,
  { intent, clear }: { readonly intent: MergeIntent; readonly clear: Clear },
): Promise<Task | Refusal> {
  const { target, expected, candidate, worktree } = intent;
  const user = userRepository(context);
  const place = worktree === null ? user : worktreePlace(worktree, context.env);
  const change: RefChange = { name: branchRef(target), expected: candidate, to: expected };
  const giveUp = (refusal: Refusal): Refusal => {
    recordFacts(context, task.id, () => [{ type: 'unmerge.refused', reason: refusal.message }]);
    return refusal;
  };
  // The head may have been in the target alone. A sweeper that makes the trash ref in this very moment is the only reason for another try.
  const hasMoved = async (): Promise<boolean> => {
    const isKept = readRefAsText(user.commonDir, trashRef(task.id)) !== undefined;
    const keep: RefChange = { name: trashRef(task.id), expected: null, to: intent.head };
    const changes = isKept ? [change] : [change, keep];
    return (await changeRefs(place, changes, `take back the merge of task ${task.id}`)) === 'moved';
  };
  if ((await hasMoved()) && (await hasMoved())) {
    return giveUp(
      refuse('target-moved', `${target} was moved by somebody else`, { hint: 'Try again: phasr undo' }),
    );
  }
  const move = { from: candidate, to: expected };
  if (clear.seen !== null && (await followMove(place, move, clear.seen)) === 'untouched') {
    const back: RefChange = { name: branchRef(target), expected, to: candidate };
    await changeRefs(user, [back], `keep the merge of task ${task.id}`);
    return giveUp(
      refuse('target-busy', `the files of ${renderVisible(target)} could not follow`, {
        hint: 'Try again: phasr undo',
      }),
    );
  }
  return recordFacts(context, task.id, () => [{ type: 'unmerge.completed', ...intent }]);
}

/** Goes on with an unmerge whose process has died. Gives what it did, for people; restoring the worktree is left to the person. */
export async function finishUnmerge(context: Context, task: Task): Promise<string> {
  const { phase } = task;
  if (phase.kind !== 'unmerging') throw new Error(`task ${task.id} is not being taken back`);
  const { kind: _, ...intent } = phase;
  return withMutex(context.paths.mutex, context.clock, async () => {
    const now = readRefAsText(context.repository.commonDir, branchRef(intent.target));
    if (now === intent.candidate) {
      const reason = 'taking its merge back was cut short before anything moved';
      recordFacts(context, task.id, () => [{ type: 'unmerge.refused', reason }]);
      return reason;
    }
    // Somebody who has gone on from there has looked after his files himself.
    if (now === intent.expected && intent.worktree !== null) {
      const place = worktreePlace(intent.worktree, context.env);
      const move = { from: intent.candidate, to: intent.expected };
      await finishFollowing(place, move, context.paths.phasrDir);
    }
    recordFacts(context, task.id, () => [{ type: 'unmerge.completed', ...intent }]);
    const { id } = requireTask(context, task.id);
    return `its merge into ${intent.target} was taken back; bring the worktree back with phasr restore ${id}`;
  });
}
