/**
 * Whether Phasr's own trace of its git calls, by which they are counted, can be believed: a `git` first in
 * PATH keeps count as well.
 */

import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { launchTask, runCounted } from './tasks.mjs';

/** @import { Fixture } from './repositories.mjs' */
/** @import { World } from './world.mjs' */

/** @typedef {{ readonly command: string, readonly traced: number, readonly started: number }} Count */

/**
 * Counts the git processes of some commands in both ways.
 * @param {World} world
 * @param {Fixture} fixture
 * @returns {Promise<readonly Count[]>}
 */
export async function crossCheck(world, fixture) {
  const directory = installCounter(world);
  const countingEnv = (/** @type {string} */ calls) => ({
    PATH: `${directory}${delimiter}${world.env.PATH}`,
    PHASR_BENCH_CALLS: calls,
  });
  const launchCalls = world.fresh('traces');
  let started = 0;
  const task = await launchTask(world, fixture, {
    env: countingEnv(launchCalls),
    onBegun: () => (started = countLines(launchCalls)),
  });
  const counts = [{ command: 'run', traced: task.git.length, started }];
  const other = await launchTask(world, fixture);
  const id = String(task.id);
  const commands = [
    ['list'],
    ['show', id],
    ['diff', '--stat', id],
    ['discard', id],
    ['merge', String(other.id)],
  ];
  for (const args of commands) {
    const calls = world.fresh('traces');
    const ran = await runCounted(world, fixture, { args, env: countingEnv(calls) });
    counts.push({ command: args[0] ?? '', traced: ran.git.length, started: countLines(calls) });
    await world.settle();
  }
  return counts;
}

/**
 * Gives a directory with a `git` in it that writes a line for each call. What git itself starts is not
 * counted: it finds its own programs in its own folder before it looks into PATH.
 * @param {World} world
 */
function installCounter(world) {
  const directory = world.path('counter');
  const program = join(directory, 'git');
  mkdirSync(directory);
  writeFileSync(program, `#!/bin/sh\necho "$*" >>"$PHASR_BENCH_CALLS"\nexec '${findGit(world)}' "$@"\n`);
  chmodSync(program, 0o755);
  return directory;
}

/** @param {World} world */
function findGit(world) {
  const candidates = world.env.PATH.split(delimiter)
    .filter((directory) => isAbsolute(directory))
    .map((directory) => join(directory, 'git'));
  const found = candidates.find((path) => isExecutable(path));
  if (found === undefined) throw new Error('there is no git in PATH');
  return found;
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Safe to ignore: not here, then.
    return false;
  }
}

/** @param {string} path */
function countLines(path) {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
}
