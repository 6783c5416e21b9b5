/** Gives waiting runs their places, first come first served over all repositories and terminals of the user. */

import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { TASK_VARIABLES } from '../agent/command.ts';
import { identityKey } from '../base/identity.ts';
import { startDetached } from '../process/spawn.ts';
import type { Environment } from '../base/environment.ts';
import { findProcess, ownIdentity } from '../process/table.ts';
import { repositoryPaths, taskDirectory } from '../store/paths.ts';
import type { Place } from '../store/places.ts';
import { type Context, isHolderAlive } from './context.ts';
import { readJobs } from './jobs.ts';

/** After this many starts that came to nothing a run leaves the line; the next command in its repository says why, or tries again. */
const TRIES_MAX = 3;

/** Starts supervisors for waiting runs as long as there are free places. */
export async function startWaiting(context: Context): Promise<void> {
  const places = context.places();
  await freeAbandoned(context, places.list());
  const me = identityKey(await ownIdentity());
  // Each turn gives one run a place, so this ends.
  for (;;) {
    const place = places.admitNext(readJobs(context), me);
    if (place === undefined) return;
    if (place.tries > TRIES_MAX) {
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
