/**
 * Carries one run of a task from its place in the line to its committed work (design §3). Runs in a detached process of its own, or inside a
 * command that finishes what a dead supervisor left. Every step can be the first one: it goes on from what is recorded.
 */

import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { uniqueName } from '../base/unique.ts';
import { identityKey } from '../base/identity.ts';
import { ownIdentity } from '../process/table.ts';
import type { Environment } from '../base/environment.ts';
import { readPlainText } from '../store/files.ts';
import { runPaths } from '../store/paths.ts';
import { headOf, latestRun, type Task } from '../task/task.ts';
import type { TaskId } from '../task/names.ts';
import { commitTask } from './commit.ts';
import { type Context, dirsOf, recordFacts, requireTask, takeClaim, taskClaim } from './context.ts';
import { startWaiting } from './dispatch.ts';
import { floorOfWaiting, requireUsableDisks } from './disks.ts';
import { isWatched, notify } from './notify.ts';
import { removePartials } from './partials.ts';
import { prepareWorktree } from './prepare.ts';
import { noteRunEnd } from './queue.ts';
import { keepQuietly } from './snapshot.ts';
import { describeFailure, findStartedRun, followRun, type Following, startRun } from './run.ts';

/** Goes on with a task's run until a person's turn comes. Does nothing when a living process is at it already. */
export async function superviseTask(context: Context, id: TaskId): Promise<void> {
  const release = await takeClaim(context, taskClaim(id));
  if (release === undefined) return;
  const run = { commonDir: context.repository.commonDir, task: id as number };
  const before = requireTask(context, id);
  const paths = runPaths(context.paths, id, latestRun(before).run);
  const { cleanDir, privateDir, worktreePath } = dirsOf(context, before);
  const ofRun = { ...context, env: readRunEnvironment(paths.environment) ?? context.env };
  let wasWatched = false;
  try {
    await removePartials([paths.directory, cleanDir, privateDir, dirname(worktreePath)]);
    wasWatched = await goOn(ofRun, before);
  } finally {
    context.places().leave(run);
    release();
    await startWaiting(context);
  }
  // Last: nobody who waits for the task waits for the person to be told.
  const ended = requireTask(context, id);
  if (ended.seq !== before.seq && !wasWatched) await notify(ofRun, ended);
}

/** Gives whether somebody was watching right before the end was recorded: who saw it may be gone a moment later. */
async function goOn(context: Context, first: Task): Promise<boolean> {
  let task = first;
  if (task.phase.kind === 'queued') task = prepareRun(context, task);
  if (task.phase.kind === 'preparing') await holdPlace(context, task, null);
  const following = await begin(context, task);
  if (following !== undefined) {
    await holdPlace(context, following.task, latestRun(following.task).process);
    task = await followRun(context, following);
    noteRunEnd(context, task);
  }
  task = requireTask(context, task.id);
  const wasWatched = await isWatched(context, task);
  if (task.phase.kind === 'committing') await commitRun(context, task);
  return wasWatched;
}

function prepareRun(context: Context, task: Task): Task {
  const { run } = latestRun(task);
  const marker = `${task.id}.${run}.${uniqueName()}`;
  return recordFacts(context, task.id, (now) =>
    now.phase.kind === 'queued' ? [{ type: 'run.prepared', run, marker }] : [],
  );
}

async function holdPlace(
  context: Context,
  task: Task,
  agent: { pid: number; startedAt: string } | null,
): Promise<void> {
  const place = {
    commonDir: context.repository.commonDir,
    task: task.id as number,
    run: latestRun(task).run,
  };
  const holder = identityKey(await ownIdentity());
  context.places().take(place, { holder, agent: agent === null ? null : identityKey(agent) });
}

/** The running agent: found, or started now; undefined when there is none to follow. From here on nobody needs the environment that it was asked for from. */
async function begin(context: Context, task: Task): Promise<Following | undefined> {
  try {
    if (task.phase.kind === 'running') return { task, exit: null };
    if (task.phase.kind !== 'preparing') return undefined;
    return (await findStartedRun(context, task)) ?? (await start(context, task));
  } finally {
    rmSync(runPaths(context.paths, task.id, latestRun(task).run).environment, { force: true });
  }
}

async function start(context: Context, task: Task): Promise<Following | undefined> {
  try {
    // It may have waited for long.
    requireUsableDisks(context, await floorOfWaiting(context));
    if (task.directory !== null) {
      const reason = `before run ${latestRun(task).run}`;
      await keepQuietly(context, task, { reason, head: headOf(task) });
    }
    const prepared = task.directory === null ? await prepareWorktree(context, task) : task;
    const now = requireTask(context, prepared.id);
    if (latestRun(now).stop !== null)
      return endUnstarted(context, now, { outcome: 'stopped', evidence: 'stopped before it was started' });
    return await startRun(context, now);
  } catch (error) {
    const now = requireTask(context, task.id);
    const { run } = latestRun(now);
    const message = describeFailure(error);
    if (now.directory !== null)
      return endUnstarted(context, now, { outcome: 'failed', evidence: `could not be started: ${message}` });
    // Before it is nobody's any more: with this fact the run is over.
    rmSync(runPaths(context.paths, task.id, run).environment, { force: true });
    recordFacts(context, task.id, () => [
      { type: 'worktree.failed', run, message: `no worktree: ${message}` },
    ]);
    return undefined;
  }
}

function endUnstarted(
  context: Context,
  task: Task,
  end: { readonly outcome: 'stopped' | 'failed'; readonly evidence: string },
): undefined {
  const { run } = latestRun(task);
  recordFacts(context, task.id, () => [
    { type: 'run.ended', run, ...end, exitCode: null, leftBehind: 0, report: null },
  ]);
}

async function commitRun(context: Context, task: Task): Promise<void> {
  try {
    await commitTask(context, task);
  } catch (error) {
    const message = `its work could not be committed: ${describeFailure(error)}`;
    recordFacts(context, task.id, () => [{ type: 'commit.failed', message }]);
  }
}

/** The environment of the terminal that asked for the run; undefined when it was used up or lost. */
function readRunEnvironment(path: string): Environment | undefined {
  const text = readPlainText(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Environment;
  } catch {
    // Safe to ignore: cut off by a crash; the present environment is used instead.
    return undefined;
  }
}
