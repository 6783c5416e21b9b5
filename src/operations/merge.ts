/**
 * Puts a task's head into its target branch (design §6): made in the object database, moved by compare-and-swap, the files of a worktree that has the target checked out
 * following; written down first, so that it can be finished after a kill at any point.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { assertNever } from '../base/errors.ts';
import { branchRef, type Oid } from '../base/oid.ts';
import { renderVisible } from '../base/text.ts';
import { isAncestor, wantsSigning } from '../git/commit.ts';
import { FETCH_MISSING, isPartialClone, type Setting, settingValue } from '../git/config.ts';
import type { GitPlace } from '../git/git.ts';
import { finishFollowing, followMove } from '../git/land.ts';
import { type Candidate, makeCandidate } from '../git/merge.ts';
import { changeRefs, readRefAsText } from '../git/refs.ts';
import { worktreePlace } from '../git/repository.ts';
import type { Sighting } from '../git/sighting.ts';
import { transferCommits } from '../git/transfer.ts';
import { withMutex } from '../store/mutex.ts';
import { findRefusal, refuse, type Refusal } from '../task/decide.ts';
import type { MergeIntent, MergeStrategy, TaskEvent } from '../task/event.ts';
import { renderMergeMessage, renderTaskMessage } from '../task/message.ts';
import type { TaskId } from '../task/names.ts';
import { agentName, latestRun, type Task } from '../task/task.ts';
import { finishCleanup } from './cleanup.ts';
import { commitTask, isCommitted } from './commit.ts';
import {
  awaitClaim,
  type Context,
  isRefusal,
  objectsOf,
  record,
  recordFacts,
  requireTask,
  taskClaim,
  userRepository,
} from './context.ts';
import { findRemovalRefusal } from './guard.ts';
import {
  type Clear,
  findTarget,
  findTargetObstacle,
  readSurroundings,
  type Surroundings,
  type Target,
} from './target.ts';

export type MergeRequest = {
  readonly strategy: MergeStrategy;
  /** Null: the task's own target branch. */
  readonly into: string | null;
};

export type MergeOutcome =
  | {
      readonly kind: 'merged';
      readonly task: Task;
      readonly target: string;
      readonly commit: Oid;
      /** The worktree whose files followed; null when the target is checked out nowhere. */
      readonly worktree: string | null;
      /** Hooks of the repository that git would have run and Phasr did not. */
      readonly hooksNotRun: readonly string[];
    }
  | Refusal;

/** Merges one task and takes its worktree away. A refusal has moved no ref and changed no file of anybody. */
export async function mergeTask(context: Context, id: TaskId, request: MergeRequest): Promise<MergeOutcome> {
  const refused = findRefusal(requireTask(context, id), 'merge');
  if (refused !== undefined) return refused;
  const surroundings = readSurroundings(context);
  // Asked for when the merge is planned, where a failure comes up.
  surroundings.catch(() => undefined);
  const release = await awaitClaim(context, taskClaim(id));
  if (release === undefined) {
    const task = requireTask(context, id);
    return (
      findRefusal(task, 'merge') ??
      refuse('being-merged', `another phasr process is at task ${id}`, { hint: 'Try again.' })
    );
  }
  try {
    const task = requireTask(context, id);
    // Before git of our own works there.
    const refusal =
      findRefusal(task, 'merge') ?? withoutWork(task) ?? (await findRemovalRefusal(context, task));
    if (refusal !== undefined) return refusal;
    const plan = async (now: Task): Promise<MergePlan | Refusal> =>
      planMerge(context, now, { ...request, ...(await surroundings) });
    const landed = (await landRecorded(context, task, plan)) ?? (await landPresent(context, task, plan));
    if (landed.kind === 'merged') await finishCleanup(context, landed.task);
    return landed.kind === 'merged' ? { ...landed, task: requireTask(context, id) } : landed;
  } finally {
    release();
  }
}

/**
 * The usual case: nothing was touched since the head was recorded. Whether that is so is looked at while the merge is planned; if it is not,
 * the plan is dropped and undefined given.
 */
async function landRecorded(context: Context, task: Task, plan: Planner): Promise<MergeOutcome | undefined> {
  if (task.head === null) return undefined;
  return withMutex(context.paths.mutex, context.clock, async () => {
    // The plan is begun first: its git processes are many and short, those of the look few and long.
    const [planned, isPresent] = await Promise.all([
      plan(task),
      // What keeps it from being looked at comes up again, and is said, when its files are committed.
      isCommitted(context, task).catch(() => false),
    ]);
    if (isPresent) return executeMerge(context, task, planned);
    if (planned.kind === 'ready') planned.release();
    return undefined;
  });
}

/** What lies in the worktree is what gets merged, also what a person has changed there by hand since. */
async function landPresent(context: Context, task: Task, plan: Planner): Promise<MergeOutcome> {
  await commitTask(context, task);
  const committed = requireTask(context, task.id);
  return withMutex(context.paths.mutex, context.clock, async () =>
    executeMerge(context, committed, await plan(committed)),
  );
}

function withoutWork(task: Task): Refusal | undefined {
  if (task.directory !== null || task.head !== null) return undefined;
  return refuse('no-worktree', `task ${task.id} never got a worktree, so there is nothing to merge`, {
    hint: `phasr resume ${task.id}   or   phasr discard ${task.id}`,
  });
}

/** A merge that was looked at from all sides. Nothing was moved yet; `release` lets go of the objects when it is done or given up. */
type MergePlan = {
  readonly kind: 'ready';
  readonly intent: MergeIntent;
  /** The target's files as they were when nothing was in the way; null when it is checked out nowhere. */
  readonly seen: Sighting | null;
  readonly hooksNotRun: readonly string[];
  readonly release: () => void;
};

type Planner = (task: Task) => Promise<MergePlan | Refusal>;

async function planMerge(
  context: Context,
  task: Task,
  request: MergeRequest & Surroundings,
): Promise<MergePlan | Refusal> {
  const head = task.head?.oid;
  if (head === undefined || head === task.base.oid) {
    return refuse('nothing-to-merge', `task ${task.id} changed nothing`, {
      hint: `phasr discard ${task.id}`,
    });
  }
  const { into, settings, worktrees } = request;
  const target = await findTarget(context, task, { into, settings, worktrees });
  if ('kind' in target) return target;
  // Mostly the target has not moved on, and the head itself is the candidate: looked at while git finds that out.
  const before = findTargetObstacle(context, target, { from: target.oid, to: head });
  before.catch(() => undefined);
  const candidate = await makeCandidate(mergeRoom(context, task, { target, settings }), {
    strategy: request.strategy,
    target: target.oid,
    head,
    base: task.base.oid,
    message: mergeMessage(task, request.strategy, target.branch),
    sign: wantsSigning(settings),
    mayFastForward: settingValue(settings, 'merge.ff')?.toLowerCase() !== 'false',
  });
  if (candidate.kind !== 'candidate') return refuseCandidate(task, target, candidate);
  const { branch, oid: expected, worktree } = target;
  const intent: MergeIntent = {
    strategy: request.strategy,
    target: branch,
    head,
    expected,
    candidate: candidate.commit,
    worktree,
  };
  const release = await bringOver(context, task, { intent, settings });
  let obstacle: Clear | Refusal;
  try {
    obstacle =
      candidate.commit === head
        ? await before
        : await findTargetObstacle(context, target, { from: expected, to: candidate.commit });
  } catch (error) {
    release();
    throw error;
  }
  if (obstacle.kind === 'clear')
    return { kind: 'ready', intent, seen: obstacle.seen, hooksNotRun: listHooks(settings, context), release };
  release();
  return obstacle;
}

/** A commit that the merge has made anew enters the user's repository; the head is there already. */
async function bringOver(
  context: Context,
  task: Task,
  { intent, settings }: { readonly intent: MergeIntent; readonly settings: readonly Setting[] },
): Promise<() => void> {
  const { head, expected, candidate } = intent;
  if (candidate === head) return () => undefined;
  const [from, to] = [objectsOf(context, task), fetchingMissing(userRepository(context), settings)];
  return (await transferCommits({ from, to, tips: [candidate], known: [expected, head], scope: 'local' }))
    .release;
}

/** Acts on a plan, and on nothing else. */
async function executeMerge(context: Context, task: Task, plan: MergePlan | Refusal): Promise<MergeOutcome> {
  if (plan.kind === 'refused') return plan;
  try {
    const { intent } = plan;
    const started = record(
      context,
      task.id,
      (now) => findRefusal(now, 'merge') ?? [{ type: 'merge.started', ...intent }],
    );
    if (isRefusal(started)) return started;
    return await moveTarget(context, started, plan);
  } finally {
    plan.release();
  }
}

/** Trees are merged in the task's clean room; attributes (`merge=union`) come from the worktree that has the target, as in git's own merge. */
function mergeRoom(
  context: Context,
  task: Task,
  { target, settings }: { readonly target: Target; readonly settings: readonly Setting[] },
): GitPlace {
  const room = fetchingMissing(objectsOf(context, task), settings);
  return target.worktree === null
    ? room
    : { ...room, cwd: target.worktree.path, workTree: target.worktree.path };
}

function fetchingMissing<Place extends GitPlace>(place: Place, settings: readonly Setting[]): Place {
  return isPartialClone(settings) ? { ...place, variables: { ...place.variables, ...FETCH_MISSING } } : place;
}

function mergeMessage(task: Task, strategy: MergeStrategy, target: string): string {
  if (strategy === 'merge') return renderMergeMessage(task, target);
  const run = latestRun(task);
  return renderTaskMessage(task, {
    run: run.run,
    prompt: task.runs[0]?.prompt ?? run.prompt,
    agent: agentName(run.command),
  });
}

function refuseCandidate(
  task: Task,
  target: Target,
  candidate: Exclude<Candidate, { kind: 'candidate' }>,
): Refusal {
  const into = renderVisible(target.branch);
  switch (candidate.kind) {
    case 'nothing':
      return refuse('nothing-to-merge', `everything of task ${task.id} is in ${into} already`, {
        hint: `phasr discard ${task.id}`,
      });
    case 'conflict':
      return refuse('conflict', `task ${task.id} conflicts with ${into}`, {
        hint: `Nothing was changed. Let the agent solve it: phasr resume ${task.id} "merge ${into} into this branch and resolve the conflicts"`,
        paths: candidate.paths,
      });
    case 'has-merge-commits':
      return refuse('has-merge-commits', `task ${task.id} contains merge commits, which cannot be rebased`, {
        hint: `phasr merge ${task.id} --strategy merge   or   --strategy squash`,
      });
    case 'unrelated':
      return refuse('unrelated-history', `task ${task.id} and ${into} have no commit in common`, {
        hint: 'Choose another branch with --into.',
      });
    case 'signing-failed':
      return refuse(
        'signing-failed',
        `the commit could not be signed: ${renderVisible(candidate.message.split('\n')[0] ?? '')}`,
        {
          hint: 'Unlock the key (commit.gpgSign is on), then try again. Nothing was changed.',
        },
      );
    default:
      return assertNever(candidate);
  }
}

async function moveTarget(
  context: Context,
  task: Task,
  { intent, seen, hooksNotRun }: MergePlan,
): Promise<MergeOutcome> {
  const place =
    intent.worktree === null ? userRepository(context) : worktreePlace(intent.worktree, context.env);
  const change = { name: branchRef(intent.target), expected: intent.expected, to: intent.candidate };
  const moved = await changeRefs(place, [change], `merge task ${task.id}`).catch((error: unknown) => error);
  if (moved !== 'changed') {
    const reason =
      moved === 'moved'
        ? `${intent.target} was moved by somebody else`
        : `${intent.target} could not be moved`;
    recordFacts(context, task.id, () => [{ type: 'merge.refused', reason: `not merged: ${reason}` }]);
    if (moved !== 'moved') throw moved;
    return refuse('target-moved', reason, { hint: `Try again: phasr merge ${task.id}` });
  }
  if (seen !== null) {
    const followed = await followMove(place, { from: intent.expected, to: intent.candidate }, seen);
    if (followed === 'untouched') return takeBack(context, task, intent);
  }
  const merged = recordFacts(context, task.id, () => [completedMerge(intent)]);
  const { candidate: commit, target, worktree } = intent;
  return { kind: 'merged', task: merged, target, commit, worktree: worktree?.path ?? null, hooksNotRun };
}

/** Something came into the way between the look and the move. No file was changed; the branch goes back, and the merge is refused by name. */
async function takeBack(context: Context, task: Task, intent: MergeIntent): Promise<Refusal> {
  const { target: branch, expected, candidate, worktree } = intent;
  const change = { name: branchRef(branch), expected: candidate, to: expected };
  await changeRefs(userRepository(context), [change], `take back the merge of task ${task.id}`);
  const target = { branch, oid: expected, worktree };
  const found = await findTargetObstacle(context, target, { from: expected, to: candidate });
  const refusal =
    found.kind === 'refused'
      ? found
      : refuse('target-busy', `the files of ${renderVisible(branch)} could not follow`, {
          hint: `Try again: phasr merge ${task.id}`,
        });
  recordFacts(context, task.id, () => [{ type: 'merge.refused', reason: `not merged: ${refusal.message}` }]);
  return refusal;
}

function completedMerge({ strategy, candidate, head, target }: MergeIntent): TaskEvent {
  return {
    type: 'merge.completed',
    commit: candidate,
    target,
    containsHead: strategy === 'merge' || candidate === head,
  };
}

/** What a merge by git itself might have run here. */
const MERGE_HOOKS = ['pre-merge-commit', 'commit-msg', 'post-merge'];

function listHooks(settings: readonly Setting[], context: Context): readonly string[] {
  const directory = settingValue(settings, 'core.hookspath') ?? join(context.repository.commonDir, 'hooks');
  return MERGE_HOOKS.filter((hook) => existsSync(join(directory, hook)));
}

/** Finishes a merge whose process has died: where the target moved, its worktree follows and the task is cleaned up; where it did not, nothing has happened. */
export async function finishMerge(context: Context, task: Task): Promise<string> {
  if (task.phase.kind !== 'merging') throw new Error(`task ${task.id} is not being merged`);
  const intent = task.phase;
  const outcome = await withMutex(context.paths.mutex, context.clock, async () => {
    const place = userRepository(context);
    const now = readRefAsText(place.commonDir, branchRef(intent.target));
    const hasMoved = now !== undefined && (await isAncestor(place, intent.candidate, now));
    if (!hasMoved) {
      recordFacts(context, task.id, () => [
        { type: 'merge.refused', reason: 'its merge was cut short before anything moved' },
      ]);
      return undefined;
    }
    // Somebody who has committed on top since then has looked after his files himself.
    const mustFollow = intent.worktree !== null && now === intent.candidate;
    const kept =
      intent.worktree === null || !mustFollow
        ? []
        : await finishFollowing(
            worktreePlace(intent.worktree, context.env),
            { from: intent.expected, to: intent.candidate },
            context.paths.phasrDir,
          );
    const merged = recordFacts(context, task.id, () => [completedMerge(intent)]);
    return { merged, kept };
  });
  if (outcome === undefined) return 'its merge had been cut short before anything moved';
  await finishCleanup(context, outcome.merged);
  const edited = outcome.kept.length === 0 ? '' : `; your own changes stay in ${outcome.kept.join(', ')}`;
  return `its merge into ${intent.target} was finished${edited}`;
}
