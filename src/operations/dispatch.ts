/** Gives waiting runs their places, first come first served over all repositories and terminals of the user. */

import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { TASK_VARIABLES } from '../agent/command.ts';
import { identityKey } from '../base/identity.ts';
import { startDetached } from '../process/spawn.ts';
import type { Environment } from '../base/environment.ts';
import { findProcess, ownIdentity } from '../process/table.ts';
import { repositoryPaths, taskDirectory } from '../store/paths.ts';
import type { Place } from '../store/places.ts';
import { openTaskStore } from '../store/task-store.ts';
import { readLastLine } from '../store/transcript.ts';
import { asTaskId } from '../task/names.ts';
import { latestRun } from '../task/task.ts';
import { type Context, isHolderAlive, recordFacts } from './context.ts';
import { readJobs } from './jobs.ts';
import { findHold } from './queue.ts';

/** After this many starts that came to nothing a run has failed. */
const TRIES_MAX = 3;

/** Starts supervisors for waiting runs as long as there are free places. */
export async function startWaiting(context: Context): Promise<void> {
  const places = context.places();
  await freeAbandoned(context, places.list());
  const me = identityKey(await ownIdentity());
  // Each turn gives one run a place, so this ends.
  for (;;) {
    const line = places.list();
    if (!line.some(({ running }) => !running)) return;
    // Beside nothing the first may always start: nobody would come back to it.
    const hold = line.some(({ running }) => running) ? await findHold(context) : null;
    places.writeHold(hold);
    if (hold !== null) return;
    const place = places.admitNext(readJobs(context), me);
    if (place === undefined) return;
    if (!existsSync(place.commonDir)) {
      // Its repository was moved or deleted; a supervisor would make folders where it was.
      places.drop(place);
      continue;
    }
    if (place.tries > TRIES_MAX) {
      giveUp(context, place);
      places.drop(place);
      continue;
    }
    await startSupervisor(context, place);
  }
}

/** Places whose supervisor has died: a started run gives its place up when its agent is gone too, one not yet started goes back into the line. */
async function freeAbandoned(context: Context, places: readonly Place[]): Promise<void> {
  for (const place of places) {
    if (!place.running || place.holder === null || (await isHolderAlive(place.holder))) continue;
    if (place.agent === null) context.places().requeue(place);
    else if (!(await isHolderAlive(place.agent))) context.places().drop(place);
  }
}

/** Records in its own repository that a run could not be started, with the last words of its supervisor. */
function giveUp(context: Context, { commonDir, task: id, run }: Place): void {
  const paths = repositoryPaths(commonDir);
  if (!existsSync(paths.database)) return;
  const log = readLastLine(join(taskDirectory(paths, id), 'supervise.log'));
  const evidence = `its supervisor could not be started${log === '' ? '' : `: ${log.trim().slice(0, 300)}`}`;
  const isHere = commonDir === context.repository.commonDir;
  const store = isHere ? context.store : openTaskStore(paths.database);
  try {
    recordFacts({ ...context, store }, asTaskId(id), (task) => {
      const isWaiting = ['queued', 'preparing'].includes(task.phase.kind) && latestRun(task).run === run;
      return isWaiting
        ? [
            {
              type: 'run.ended',
              run,
              outcome: 'failed',
              exitCode: null,
              evidence,
              leftBehind: 0,
              report: null,
            },
          ]
        : [];
    });
  } finally {
    if (!isHere) store.close();
  }
}

async function startSupervisor(context: Context, place: Place): Promise<void> {
  const pid = await startHelper(context, ['supervise', place.commonDir, String(place.task)], {
    logDirectory: taskDirectory(repositoryPaths(place.commonDir), place.task),
  });
  const supervisor = await findProcess(pid);
  // Should it have died already, the place is abandoned and the next look puts the run back into the line.
  const holder = supervisor ?? { pid, startedAt: 'ended-at-once' };
  context.places().hand(place, identityKey(holder));
}

/** Starts a process of Phasr's own that outlives this one. Its errors go to a small log beside the task. */
export async function startHelper(
  context: Context,
  args: readonly string[],
  { logDirectory }: { readonly logDirectory: string },
): Promise<number> {
  mkdirSync(logDirectory, { recursive: true, mode: 0o700 });
  const log = openSync(join(logDirectory, `${args[0] ?? 'helper'}.log`), 'w', 0o600);
  try {
    const [file, ...first] = context.helper;
    const started = await startDetached(
      { file, args: [...first, ...args], cwd: '/', env: helperEnvironment(context.env) },
      log,
    );
    return started.pid;
  } finally {
    closeSync(log);
  }
}

/** A helper belongs to no task, and starts fast: certificates and options for Node are the agent's business, which gets them from the run's own record. */
function helperEnvironment(env: Environment): Environment {
  const dropped = new Set<string>([
    ...TASK_VARIABLES,
    'NODE_EXTRA_CA_CERTS',
    'NODE_OPTIONS',
    'NODE_V8_COVERAGE',
  ]);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !dropped.has(name)));
}
