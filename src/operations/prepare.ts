/**
 * Makes a task's worktree (design §7, ADR 0004): private git dir, clean room, registration, files.
 *
 * Everything derives from the task's id, so doing it again after a crash is harmless: the agent has not been started, and what is there is thrown
 * away first. Either all of it is there at the end, or none.
 */

import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { uniqueName } from '../base/unique.ts';
import { PhasrError, systemCode } from '../base/errors.ts';
import { unpackCarried } from '../git/carry.ts';
import { checkOutBase, readWorktreeIdentity } from '../git/clean-room.ts';
import type { Setting } from '../git/config.ts';
import { flushPaths, flushTree } from '../git/flush.ts';
import { runGit } from '../git/git.ts';
import { copyIndex } from '../git/index-file.ts';
import { changeRefs, readRefs } from '../git/refs.ts';
import {
  gitFileText,
  hooksPath,
  readRepositoryFacts,
  type RepositoryFacts,
  type TaskDirs,
  writeRegistration,
  writeTaskDirs,
} from '../git/task-dirs.ts';
import { branchRef, type Oid, type RefName } from '../base/oid.ts';
import { taskDirectory } from '../store/paths.ts';
import { withMutex } from '../store/mutex.ts';
import { baseRef } from '../task/names.ts';
import { keeperOf, type Task } from '../task/task.ts';
import { type Context, dirsOf, recordFacts, roomOf, userRepository } from './context.ts';
import { requireOwnNames } from './guard.ts';

/**
 * Makes the worktree and records `worktree.ready`.
 * On failure nothing of it is left (branch, base ref, registration, git dirs, files), and the error passes through.
 */
export async function prepareWorktree(context: Context, task: Task): Promise<Task> {
  const dirs = dirsOf(context, task);
  // Before anything else: a failure further down takes back what is there.
  requireOwnNames(context, task);
  const token = uniqueName();
  try {
    await clearPreparation(context, task, dirs);
    await requireBranch(context, task);
    const facts = await readRepositoryFacts(userRepository(context), {
      launchGitDir: task.launchGitDir,
      base: task.base.oid,
    });
    writeTaskDirs(dirs, facts, { branch: task.branch, base: task.base.oid });
    mkdirSync(task.worktreePath, { recursive: true, mode: 0o777 });
    writeFileSync(join(task.worktreePath, '.git'), gitFileText(dirs), { flag: 'wx' });
    await register(context, { ...task, token }, dirs);
    // While git writes the files.
    const flushing = flushPreparation(dirs);
    flushing.catch(() => undefined);
    await checkOutBase(roomOf(context, task), task.base.oid, facts);
    copyIndex(join(dirs.cleanDir, 'index'), join(dirs.registrationDir, 'index'));
    const agentIndex = join(dirs.privateAdminDir, 'index');
    if (task.carried === null) copyIndex(join(dirs.cleanDir, 'index'), agentIndex);
    else await unpackCarried(roomOf(context, task), task.carried, { base: task.base.oid, agentIndex });
    const warnings = await runPostCheckoutHook(context, task, facts);
    const directory = readWorktreeIdentity(task.worktreePath);
    await flushing;
    flushIndexes(dirs);
    return recordFacts(context, task.id, () => [{ type: 'worktree.ready', directory, token, warnings }]);
  } catch (error) {
    await rollBack(context, task, dirs);
    throw error;
  }
}

/**
 * What is recorded as ready is not made again after a power cut, so it must be on the disk: everything but the files checked out, which may be many, and which the base
 * commit has, and the indexes over them.
 */
async function flushPreparation(dirs: TaskDirs): Promise<void> {
  for (const directory of [dirs.privateDir, dirs.cleanDir, dirs.registrationDir]) await flushTree(directory);
  const { worktreePath, registrationDir } = dirs;
  const worktrees = dirname(worktreePath);
  const folders = [worktreePath, worktrees, dirname(worktrees), dirname(dirname(registrationDir))];
  await flushPaths([join(worktreePath, '.git'), ...folders]);
}

/** A person waits for his agent, and of 50,000 files an index has 5 MB: these follow while it begins. Lost in that moment, they are made again. */
function flushIndexes(dirs: TaskDirs): void {
  const indexes = [dirs.cleanDir, dirs.privateAdminDir, dirs.registrationDir].map((dir) =>
    join(dir, 'index'),
  );
  // Safe to ignore: a disk that cannot take them says so at the next step.
  void flushPaths([...indexes, ...indexes.map((index) => dirname(index))]).catch(() => undefined);
}

/** What an earlier attempt at this very preparation left; never anything an agent has worked in. */
async function clearPreparation(context: Context, task: Task, dirs: TaskDirs): Promise<void> {
  if (task.directory !== null) throw new Error(`task ${task.id} has a worktree already`);
  if (existsSync(dirs.registrationDir)) {
    await withMutex(context.paths.mutex, context.clock, () =>
      rm(dirs.registrationDir, { recursive: true, force: true }),
    );
  }
  // The git dirs are made before the worktree and go after it, so without them it is somebody else's: of a repository that was here before and was moved.
  if (existsSync(task.worktreePath) && !existsSync(dirs.privateDir)) {
    throw new PhasrError(
      'worktree-broken',
      `${task.worktreePath} is in the way, and not of this repository`,
      {
        hint: 'Has the repository that it belongs to been moved? Then run phasr doctor --fix there. Else move that folder away.',
        details: { worktreePath: task.worktreePath },
      },
    );
  }
  for (const path of [task.worktreePath, dirs.cleanDir, dirs.privateDir])
    rmSync(path, { recursive: true, force: true });
}

/** The branch was made at launch; after a failed preparation or a crash it may be missing. */
async function requireBranch(context: Context, task: Task): Promise<void> {
  if (task.branchCreated) return;
  const place = userRepository(context);
  const refs = ownRefs(task);
  const found = await readRefs(
    place,
    refs.map(({ name }) => name),
  );
  const missing = refs.filter(({ name }) => !found.has(name));
  await changeRefs(
    place,
    missing.map(({ name, oid }) => ({ name, expected: null, to: oid })),
    `launch task ${task.id}`,
  );
  recordFacts(context, task.id, () => [{ type: 'branch.created' }]);
}

/** Branch and base ref as the launch made them. */
function ownRefs(task: Task): readonly { readonly name: RefName; readonly oid: Oid }[] {
  return [
    { name: branchRef(task.branch), oid: task.base.oid },
    { name: baseRef(task.id), oid: keeperOf(task) },
  ];
}

/**
 * Shows the worktree to the user's git. It is written aside and renamed into place, whole, so that no command of anybody ever sees it
 * half made (a half-made one breaks `worktree list`, `branch` and `rev-list --all`: hazards §4.1).
 */
export async function register(context: Context, task: Task, dirs: TaskDirs): Promise<void> {
  const aside = join(taskDirectory(context.paths, task.id), 'registration');
  rmSync(aside, { recursive: true, force: true });
  writeRegistration(aside, task);
  // With an empty file in it after a power cut every git command of the user's would fail.
  await flushTree(aside);
  await withMutex(context.paths.mutex, context.clock, async () => {
    for (let tries = 1; ; tries++) {
      mkdirSync(dirname(dirs.registrationDir), { recursive: true });
      try {
        renameSync(aside, dirs.registrationDir);
        return;
      } catch (error) {
        // git removes `worktrees/` with its last entry; it may have done so in between.
        if (systemCode(error) !== 'ENOENT' || tries >= 20) throw error;
        await context.clock.sleep(5);
      }
    }
  });
}

/** A hook may install packages; after this it is ended and named in the warning. */
const HOOK_TIMEOUT_MS = 30 * 60_000;

/** Runs the user's `post-checkout` as `git worktree add` does; a failure is kept as a warning, the worktree is there all the same. */
async function runPostCheckoutHook(
  context: Context,
  task: Task,
  facts: RepositoryFacts,
): Promise<readonly string[]> {
  const configured = hooksPath(facts.settings, facts.commonDir);
  if (!hasHook(configured.replace(/^~(?=\/)/, context.env['HOME'] ?? '~'), task.worktreePath, facts.settings))
    return [];
  const dirs = dirsOf(context, task);
  const place = {
    cwd: task.worktreePath,
    gitDir: dirs.privateAdminDir,
    workTree: task.worktreePath,
    variables: {},
    inherited: context.env,
  };
  const nullOid = '0'.repeat(task.base.oid.length);
  const args = ['hook', 'run', '--ignore-missing', 'post-checkout', '--', nullOid, task.base.oid, '1'];
  try {
    const options = {
      settings: [`core.hooksPath=${configured}`],
      timeoutMs: HOOK_TIMEOUT_MS,
      ok: [...Array(256).keys()],
    };
    const { exitCode, stderr } = await runGit(place, args, options);
    return exitCode === 0
      ? []
      : [`the post-checkout hook failed (exit ${exitCode}): ${stderr.split('\n').at(-1) ?? ''}`];
  } catch (error) {
    return [`the post-checkout hook failed: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function hasHook(configured: string, worktreePath: string, settings: readonly Setting[]): boolean {
  // Hooks from settings (git 2.54 and newer) have no file.
  if (settings.some(({ key, value }) => /^hook\..*\.event$/.test(key) && value === 'post-checkout'))
    return true;
  const path = join(isAbsolute(configured) ? configured : join(worktreePath, configured), 'post-checkout');
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Safe to ignore: no such hook, or switched off by its mode, as in git.
    return false;
  }
}

/** Takes back everything that {@link prepareWorktree} made, the refs of the launch included. */
async function rollBack(context: Context, task: Task, dirs: TaskDirs): Promise<void> {
  requireOwnNames(context, task);
  const place = userRepository(context);
  await withMutex(context.paths.mutex, context.clock, async () => {
    rmSync(dirs.registrationDir, { recursive: true, force: true });
    removeIfEmpty(dirname(dirs.registrationDir));
    const refs = ownRefs(task);
    const found = await readRefs(
      place,
      refs.map(({ name }) => name),
    );
    const ours = refs.filter(({ name, oid }) => found.get(name) === oid);
    await changeRefs(
      place,
      ours.map(({ name, oid }) => ({ name, expected: oid, to: null })),
      `roll back task ${task.id}`,
    );
  });
  // Renamed first: an observer sees the worktree or nothing, never half of it.
  const doomed = `${task.worktreePath}.${uniqueName()}.failed`;
  // Without git dirs it is not this task's: see above.
  if (existsSync(task.worktreePath) && existsSync(dirs.privateDir)) renameSync(task.worktreePath, doomed);
  for (const path of [doomed, dirs.privateDir, dirs.cleanDir]) rmSync(path, { recursive: true, force: true });
  removeIfEmpty(dirname(task.worktreePath));
}

/** git keeps no empty `worktrees/` either. */
export function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Safe to ignore: it is not empty, or not there.
  }
}
