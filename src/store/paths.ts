/** Every path that Phasr owns, in one list. Pure. */

import { basename, dirname, isAbsolute, join } from 'node:path';
import type { Environment } from '../base/environment.ts';

/** Paths inside the repository's common git dir: they die and move with it and are invisible to `git status`. */
export type RepositoryPaths = {
  readonly phasrDir: string;
  readonly database: string;
  /** A file whose lock serialises changes of the shared repository, across processes. */
  readonly mutex: string;
  readonly tasksDir: string;
  /** What cleanup took away and a sweeper has yet to capture and delete. */
  readonly trashDir: string;
  /** Who is watching which tasks now: one file a process. */
  readonly watchersDir: string;
  /** What a repair has put aside: one folder a time. */
  readonly asideDir: string;
  /** What repairs have changed, so that it can be taken back. */
  readonly repairsDir: string;
};

/** Where everything of Phasr is in a common git dir. */
export function repositoryPaths(commonDir: string): RepositoryPaths {
  const phasrDir = join(commonDir, 'phasr');
  return {
    phasrDir,
    database: join(phasrDir, 'phasr.db'),
    mutex: join(phasrDir, 'mutex.db'),
    tasksDir: join(phasrDir, 'tasks'),
    trashDir: join(phasrDir, 'trash'),
    watchersDir: join(phasrDir, 'watchers'),
    asideDir: join(phasrDir, 'aside'),
    repairsDir: join(phasrDir, 'repairs'),
  };
}

export function taskDirectory(paths: RepositoryPaths, taskId: number): string {
  return join(paths.tasksDir, String(taskId));
}

export type RunPaths = {
  readonly directory: string;
  /** What the agent prints goes straight here. */
  readonly output: string;
  /** Its standard error, where that is kept apart. */
  readonly errors: string;
  readonly exit: string;
  /** What the agent, or a script in its name, reports of itself: a line of JSON each. */
  readonly signals: string;
  /** How far the output had come at which time: a line `<bytes> <ms>` each. */
  readonly times: string;
  /** The terminal that the run was asked for from, for its bell. */
  readonly terminal: string;
  /** What the run is doing now, for whoever looks. */
  readonly progress: string;
  /** What must not change while it runs, as it was before. */
  readonly fingerprint: string;
  /** The environment of the terminal that asked for the run; mode 0600, deleted as soon as the run has started. */
  readonly environment: string;
};

/** Where the files of one run are. */
export function runPaths(paths: RepositoryPaths, taskId: number, run: number): RunPaths {
  const directory = join(taskDirectory(paths, taskId), 'runs', String(run));
  return {
    directory,
    output: join(directory, 'output'),
    errors: join(directory, 'errors'),
    exit: join(directory, 'exit'),
    signals: join(directory, 'signals'),
    times: join(directory, 'times'),
    terminal: join(directory, 'terminal'),
    progress: join(directory, 'progress.json'),
    fingerprint: join(directory, 'fingerprint.json'),
    environment: join(directory, 'environment.json'),
  };
}

/** Paths of the user, shared by all his repositories. */
export type UserPaths = {
  readonly root: string;
  /** Which runs have a place and which wait, over all repositories and terminals of the user. */
  readonly places: string;
  readonly worktrees: string;
};

/** `$PHASR_HOME`, else `~/.phasr`. Paths stay short: some systems allow 260 characters in all. */
export function userPaths(env: Environment, home: string): UserPaths {
  const configured = env['PHASR_HOME'];
  const root = configured === undefined || configured === '' ? join(home, '.phasr') : configured;
  return { root, places: join(root, 'places.db'), worktrees: join(root, 'worktrees') };
}

/** The user's settings: `$PHASR_CONFIG`, else `phasr/config.toml` in `$XDG_CONFIG_HOME` or `~/.config`, on macOS too. */
export function userSettingsPath(env: Environment, home: string): string {
  const { PHASR_CONFIG: named = '', XDG_CONFIG_HOME: configured = '' } = env;
  if (named !== '') return named;
  // The specification has relative ones ignored.
  return join(isAbsolute(configured) ? configured : join(home, '.config'), 'phasr', 'config.toml');
}

/** A repository's settings, at the top of one of its worktrees. */
export function repositorySettingsPath(worktreeRoot: string): string {
  return join(worktreeRoot, 'phasr.toml');
}

/** The folder for one repository's worktrees: its name for people, and a hash so that two of the same name differ. */
export async function worktreesDirectory(user: UserPaths, commonDir: string): Promise<string> {
  const { createHash } = await import('node:crypto');
  const folder = basename(commonDir) === '.git' ? dirname(commonDir) : commonDir;
  const name = basename(folder)
    .replace(/\.git$/, '')
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replaceAll(/^[.-]+|[.-]+$/g, '')
    .slice(0, 30);
  const hash = createHash('sha256').update(commonDir).digest('hex').slice(0, 8);
  return join(user.worktrees, `${name === '' ? 'repository' : name}-${hash}`);
}

/** Where a run's prompt is for the agent to read: outside the worktree, and outside the user's repository, whose path the agent need not know. */
export function promptPath(worktreesDir: string, taskId: number, run: number): string {
  return join(worktreesDir, '.prompts', `${taskId}.${run}.txt`);
}

/** Where a worktree goes when it is removed, on the same file system, so that a rename does it. */
export function worktreeTrashPath(worktreePath: string, entry: string): string {
  return join(dirname(worktreePath), '.trash', entry);
}
