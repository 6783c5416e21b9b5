/** One open task whose worktree, git dirs, registration or branch are not as its record says. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { branchRef, type Oid, type RefName } from '../../base/oid.ts';
import { renderCount } from '../../base/text.ts';
import { readPathFile } from '../../git/files.ts';
import { copyIndex } from '../../git/index-file.ts';
import { changeRefs, readRefAsText } from '../../git/refs.ts';
import { findCommit } from '../../git/repository.ts';
import { writePrivateEntry } from '../../git/task-dirs.ts';
import { findWrongLinks, isRealFolder, readLinkedCommonDir } from '../../git/task-links.ts';
import { isAlive } from '../../process/table.ts';
import { baseRef } from '../../task/names.ts';
import { keeperOf, latestRun, type Task } from '../../task/task.ts';
import { type Context, dirsOf, requireTask, takeClaim, taskClaim, userRepository } from '../context.ts';
import { register } from '../prepare.ts';
import { carryOut, doneBy, leave, type Repair, type RepairPlan } from './repair-kinds.ts';
import { mendLinks } from './mend-links.ts';
import { planTaskLocks } from './repair-locks.ts';
import { locateWorktree, madeAt, relocate } from './repair-worktree.ts';

/**
 * Repairs one open task, or says what a repair would do. A task that a living process is at is left alone, and named if something is wrong with it.
 */
export async function repairTask(
  context: Context,
  task: Task,
  isDryRun: boolean,
): Promise<readonly Repair[]> {
  const seen = await goThrough(context, task, true);
  if (isDryRun || seen.every(({ outcome }) => outcome === 'left')) return seen;
  const { process } = latestRun(task);
  const isRunning = task.phase.kind === 'running' && process !== null && (await isAlive(process));
  const release = isRunning ? undefined : await takeClaim(context, taskClaim(task.id));
  if (release === undefined) {
    const wrong = seen.map(({ message }) => message).join('; ');
    return [
      leave(
        `task ${task.id}`,
        `its run goes on (${wrong})`,
        `phasr wait ${task.id}   then: phasr doctor --fix`,
      ),
    ];
  }
  try {
    return await goThrough(context, requireTask(context, task.id), false);
  } finally {
    release();
  }
}

/** Each step sees what the one before has done; in a dry run, what it would have done. */
async function goThrough(context: Context, before: Task, isDryRun: boolean): Promise<readonly Repair[]> {
  const located = await locateWorktree(context, before);
  const repairs: Repair[] = located.left === null ? [] : [located.left];
  if (located.plan !== null) repairs.push(...(await carryOut(context, [located.plan], isDryRun)));
  const task = isDryRun ? located.task : requireTask(context, before.id);
  // What is somebody else's worktree is not tied to this repository.
  if (located.left !== null && existsSync(task.worktreePath)) return repairs;
  // First, since the registration still says what the branch was renamed to.
  const branch = await planBranch(context, task);
  repairs.push(...('wrong' in branch ? await carryOut(context, [branch], isDryRun) : branch.left));
  for (const plan of [planPrivateEntry, planLinks, planRegistration])
    repairs.push(...(await carryOut(context, plan(context, task), isDryRun)));
  const locks = await planTaskLocks(context, task);
  return [...repairs, ...(await carryOut(context, locks.plans, isDryRun)), ...locks.left];
}

/** The agent's git may have pruned its own entry for a worktree that was away for a while. */
function planPrivateEntry(context: Context, task: Task): readonly RepairPlan[] {
  const dirs = dirsOf(context, task);
  const index = join(dirs.cleanDir, 'index');
  if (task.directory === null || !existsSync(dirs.privateDir) || existsSync(dirs.privateAdminDir)) return [];
  return [
    {
      check: `task ${task.id}`,
      task: task.id,
      wrong: `the private git dir of task ${task.id} does not know its worktree any more`,
      deed: 'entered again, on the task branch',
      execute: async () => {
        const folder = dirname(dirs.privateAdminDir);
        if (existsSync(folder) && !isRealFolder(folder))
          return {
            left: `${folder} is not the folder it was`,
            hint: `phasr discard ${task.id}   (keeps its work)`,
          };
        writePrivateEntry(dirs, task.branch);
        if (existsSync(index)) copyIndex(index, join(dirs.privateAdminDir, 'index'));
        return doneBy(madeAt(dirs.privateAdminDir));
      },
    },
  ];
}

function planLinks(context: Context, task: Task): readonly RepairPlan[] {
  const { commonDir } = context.repository;
  const dirs = dirsOf(context, task);
  const links = findWrongLinks(dirs, task, commonDir);
  if (links.length === 0) return [];
  const old = readLinkedCommonDir(dirs);
  const branch = findRegisteredBranch(context, task);
  const why =
    old !== undefined && old !== commonDir
      ? `the repository was moved from ${old}, which ${renderCount(links.length, 'file')} of task ${task.id} still name`
      : branch !== undefined && branch !== branchRef(task.branch)
        ? `the registration of task ${task.id} names ${branch} instead of ${task.branch}`
        : `${renderCount(links.length, 'file')} that tie the worktree of task ${task.id} to its git dirs do not say what they should`;
  return [
    {
      check: `task ${task.id}`,
      task: task.id,
      wrong: why,
      deed: 'put right',
      execute: async () => {
        const placed =
          old !== undefined && old !== commonDir && task.launchGitDir.startsWith(old)
            ? [relocate(context, task, task)]
            : [];
        const { back, kept } = mendLinks(links, ({ path }) => topOf(path));
        if (kept.length === 0) return doneBy(...placed, ...back);
        const paths = kept.map(({ path }) => path).join(', ');
        return {
          left: `${paths} could not be replaced`,
          hint: `phasr diff ${task.id}   (its files are there)`,
        };
      },
    },
  ];
  function topOf(path: string): string {
    const tops = [dirs.privateDir, dirs.cleanDir, dirs.registrationDir, dirs.worktreePath];
    return tops.find((top) => path.startsWith(`${top}/`)) ?? dirname(path);
  }
}

/** The full name of the branch that the registration names; it follows when somebody renames the branch. */
function findRegisteredBranch(context: Context, task: Task): string | undefined {
  return /^ref: (refs\/heads\/.+)$/.exec(
    readPathFile(join(dirsOf(context, task).registrationDir, 'HEAD')) ?? '',
  )?.[1];
}

function planRegistration(context: Context, task: Task): readonly RepairPlan[] {
  const dirs = dirsOf(context, task);
  if (task.directory === null || existsSync(dirs.registrationDir) || !existsSync(dirs.cleanDir)) return [];
  return [
    {
      check: `task ${task.id}`,
      task: task.id,
      wrong: `the repository does not list the worktree of task ${task.id} any more`,
      deed: 'registered again',
      execute: async () => {
        await register(context, task, dirs);
        const index = join(dirs.cleanDir, 'index');
        if (existsSync(index)) copyIndex(index, join(dirs.registrationDir, 'index'));
        return doneBy(madeAt(dirs.registrationDir));
      },
    },
  ];
}

/**
 * Branch and base ref, made again where they are missing, from what is recorded. A branch of another name that somebody made out of the task branch is
 * his and stays.
 */
async function planBranch(
  context: Context,
  task: Task,
): Promise<RepairPlan | { readonly left: readonly Repair[] }> {
  const place = userRepository(context);
  const wanted: readonly { readonly name: RefName; readonly oid: Oid }[] = [
    { name: branchRef(task.branch), oid: task.head?.oid ?? task.base.oid },
    { name: baseRef(task.id), oid: keeperOf(task) },
  ];
  const missing = wanted.filter(({ name }) => readRefAsText(place.commonDir, name) === undefined);
  if (!task.branchCreated || task.phase.kind === 'cleaning' || missing.length === 0) return { left: [] };
  const registered = findRegisteredBranch(context, task);
  const renamed =
    registered === undefined || registered === branchRef(task.branch)
      ? ''
      : ` (renamed to ${registered.slice('refs/heads/'.length)}, which stays)`;
  const names = missing.map(({ name }) => name).join(' and ');
  const wrong = `${names} of task ${task.id} ${missing.length === 1 ? 'is' : 'are'} gone${renamed}`;
  for (const { oid } of missing)
    if ((await findCommit(place, oid)) === undefined) {
      const hint = `phasr open ${task.id}   (its files are there)   or   phasr discard ${task.id}`;
      return { left: [leave(`task ${task.id}`, `${wrong}, and so is the commit ${oid}`, hint)] };
    }
  return {
    check: `task ${task.id}`,
    task: task.id,
    wrong,
    deed: 'made again where the record says',
    execute: async () => {
      const changes = missing.map(({ name, oid }) => ({ name, expected: null, to: oid }));
      if ((await changeRefs(place, changes, `repair task ${task.id}`)) === 'changed')
        return doneBy(...missing.map(({ name, oid }) => ({ kind: 'ref' as const, name, oid })));
      return { left: 'somebody has just made it', hint: 'phasr doctor --fix   (again)' };
    },
  };
}
