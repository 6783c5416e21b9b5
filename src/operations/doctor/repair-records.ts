/** A database that is damaged or gone: kept aside under a dated name, its open tasks recorded anew from what git and the disk know of them. */

import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { PhasrError } from '../../base/errors.ts';
import { renderCount } from '../../base/text.ts';
import { taskDirs } from '../../git/task-dirs.ts';
import { carriesVariable, listProcesses } from '../../process/table.ts';
import { datedPath } from '../../store/aside.ts';
import { withMutex } from '../../store/mutex.ts';
import { taskDirectory } from '../../store/paths.ts';
import { peekPlaces } from '../../store/places.ts';
import { examineTasks, listTaskFolders, type TaskRecords } from '../../store/task-store.ts';
import { foldTask } from '../../task/evolve.ts';
import type { TaskId } from '../../task/names.ts';
import type { Task } from '../../task/task.ts';
import { type Context, SWEEP_CLAIM } from '../context.ts';
import { settingsIfValid } from '../settings.ts';
import { type Done, doneBy, leave, type Repair, type RepairPlan } from './repair-kinds.ts';
import { makeHistory } from './rebuilt-history.ts';
import { type TracedTask, traceTasks } from './traces.ts';

export type RecordsPlan = {
  readonly plans: readonly RepairPlan[];
  readonly left: readonly Repair[];
  /** All tasks as they are when the plans were carried out. */
  readonly tasks: readonly Task[];
  /** Ids of open tasks whose record has to wait until what works in them has ended. */
  readonly waiting: readonly number[];
};

type Records =
  | { readonly state: 'whole'; readonly tasks: readonly Task[] }
  | { readonly state: 'damaged' | 'gone' };

/** Looks at the repository's database and plans what it needs. Throws `database-too-new` where only a newer Phasr can help. */
export async function planRecords(context: Context): Promise<RecordsPlan> {
  const records = readRecords(context);
  const isDamaged = records.state === 'damaged';
  const known = records.state === 'whole' ? records.tasks : [];
  const { traced, unclear } = await traceTasks(context, new Set(known.map(({ id }) => id)));
  const { free, busy } = await sortByUse(traced);
  const settings = await settingsIfValid(context);
  const histories = await Promise.all(
    free.map(async (task) => ({ id: task.id, events: await makeHistory(context, task, settings) })),
  );
  const folders = listTaskFolders(context.paths.tasksDir).length;
  const isNothingLeft = histories.length === 0 && busy.length === 0;
  const adopt: RepairPlan = {
    check: 'records',
    task: null,
    wrong: isNothingLeft
      ? `the record of ${renderCount(folders, 'removed task')} is gone, and git holds nothing of them`
      : `${renderCount(histories.length, 'task')} without a record: ${histories.map(({ id }) => id).join(', ') || 'none that is at rest'}`,
    deed: isNothingLeft
      ? 'begun anew (their transcripts stay)'
      : 'recorded anew from git, with title, base, branch, head and worktree as far as they can be known',
    execute: async () => {
      await withMutex(context.paths.mutex, context.clock, async () => context.store.adopt(histories));
      return doneBy();
    },
  };
  return {
    plans: [
      ...(isDamaged ? [planAside(context)] : []),
      ...unclear.flatMap((id) => planRemains(context, { id, worktreePath: null })),
      ...free.flatMap((task) =>
        task.directory === null && task.removal === null ? planRemains(context, task) : [],
      ),
      // Without any task that can be recorded an empty one is made: what there was is said to be lost once, not by every command.
      ...(histories.length > 0 || (records.state !== 'whole' && folders > 0) ? [adopt] : []),
    ],
    left: busy.map(({ id, pid }) =>
      leave(
        'records',
        `task ${id} has no record, and process ${pid} works in its worktree`,
        'When it has ended: phasr doctor --fix',
      ),
    ),
    waiting: busy.map(({ id }) => id),
    tasks: [...known, ...histories.map(({ id, events }) => foldTask(id, events))],
  };
}

function readRecords({ paths }: Context): Records {
  if (!existsSync(paths.database)) return { state: 'gone' };
  let records: TaskRecords | undefined;
  try {
    records = examineTasks(paths.database, SWEEP_CLAIM);
  } catch (error) {
    if (error instanceof PhasrError && error.code === 'database-corrupt') return { state: 'damaged' };
    throw error;
  }
  if (records !== undefined)
    return records.damage === null ? { state: 'whole', tasks: records.tasks } : { state: 'damaged' };
  // Nothing but an empty file, as a crash may leave it, or one of another version.
  if (statSync(paths.database).size === 0) return { state: 'damaged' };
  throw new PhasrError('database-too-new', `${paths.database} is of another version of Phasr`, {
    hint: 'npm install -g phasr@latest   (an older one is brought up to date by the next command)',
  });
}

/** The file and what SQLite keeps beside it; the beside ones first, so that a new database never meets an old log. */
function planAside(context: Context): RepairPlan {
  const { database, mutex } = context.paths;
  return {
    check: 'records',
    task: null,
    wrong: `${database} is damaged`,
    deed: 'put aside',
    execute: () =>
      withMutex(mutex, context.clock, async (): Promise<Done> => {
        const aside = datedPath(database, 'damaged', context.clock.nowMs());
        for (const ending of ['-wal', '-shm', ''])
          if (existsSync(database + ending)) renameSync(database + ending, aside + ending);
        return { aside, back: [{ kind: 'database', aside }] };
      }),
  };
}

/** What is left of a worktree that is not whole, or not there: the next run makes it anew, and must find nothing to throw away. */
function planRemains(
  context: Context,
  { id, worktreePath }: { readonly id: number; readonly worktreePath: string | null },
): readonly RepairPlan[] {
  const { commonDir } = context.repository;
  const { asideDir, mutex } = context.paths;
  const taskDir = taskDirectory(context.paths, id);
  const dirs = taskDirs({ id, worktreePath: worktreePath ?? taskDir }, { commonDir, taskDir });
  const there = [dirs.registrationDir, dirs.privateDir, dirs.cleanDir].filter((path) => existsSync(path));
  const folder = worktreePath !== null && existsSync(worktreePath) ? worktreePath : null;
  if (there.length === 0 && folder === null) return [];
  const what =
    worktreePath === null ? 'neither name nor base commit is known' : 'the worktree is half made or gone';
  return [
    {
      check: 'records',
      task: null,
      wrong: `remains of task ${id}, of which ${what}`,
      deed: 'put aside',
      execute: () =>
        withMutex(mutex, context.clock, async (): Promise<Done> => {
          const nowMs = context.clock.nowMs();
          const aside = datedPath(join(asideDir, `task-${id}`), 'aside', nowMs);
          mkdirSync(aside, { recursive: true, mode: 0o700 });
          const moves = there.map((path) => ({ from: path, to: join(aside, basename(path)) }));
          if (folder !== null) moves.unshift({ from: folder, to: datedPath(folder, 'aside', nowMs) });
          for (const { from, to } of moves) renameSync(from, to);
          return { aside, back: moves.map(({ from, to }) => ({ kind: 'move', from: to, to: from })) };
        }),
    },
  ];
}

/** An agent that outlived the record of its run still works; its task is recorded when it has ended. */
async function sortByUse(
  traced: readonly TracedTask[],
): Promise<{ readonly free: readonly TracedTask[]; readonly busy: readonly { id: TaskId; pid: number }[] }> {
  const processes = traced.length === 0 ? [] : await listProcesses();
  const free: TracedTask[] = [];
  const busy: { id: TaskId; pid: number }[] = [];
  for (const task of traced) {
    const user = await findWorker(processes, task.worktreePath);
    if (user === undefined) free.push(task);
    else busy.push({ id: task.id, pid: user });
  }
  return { free, busy };
}

async function findWorker(
  processes: Awaited<ReturnType<typeof listProcesses>>,
  worktreePath: string,
): Promise<number | undefined> {
  for (const row of processes)
    if (row.pid !== process.pid && (await carriesVariable(row, `PHASR_WORKTREE=${worktreePath}`)))
      return row.pid;
  return undefined;
}

/** The user's list of places, when it cannot be read: it is an index only, so a new one is as good. */
export function planPlaces(context: Context): readonly RepairPlan[] {
  const { places } = context.user;
  try {
    const gone = peekPlaces(places).filter(({ commonDir }) => !existsSync(commonDir));
    return gone.map((place) => ({
      check: 'places',
      task: null,
      wrong: `the place of task ${place.task} of ${place.commonDir}, a repository that is not there any more`,
      deed: 'given up',
      execute: async () => {
        context.places().drop(place);
        return doneBy();
      },
    }));
  } catch (error) {
    if (!(error instanceof PhasrError) || error.code !== 'database-corrupt') throw error;
    return [
      {
        check: 'places',
        task: null,
        wrong: `${places} is damaged`,
        deed: 'put aside (who waits is put into the line again)',
        execute: async () => {
          const aside = datedPath(places, 'damaged', context.clock.nowMs());
          for (const ending of ['-wal', '-shm', ''])
            if (existsSync(places + ending)) renameSync(places + ending, aside + ending);
          // An index only: nobody wants the damaged one in place again.
          return { aside, back: [] };
        },
      },
    ];
  }
}
