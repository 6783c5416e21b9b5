/** Which repository a directory belongs to, and what kind it is. */

import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { PhasrError } from '../base/errors.ts';
import { type Oid, parseOid } from '../base/oid.ts';
import type { Environment } from '../base/environment.ts';
import { GIT_VERSION_MIN } from './environment.ts';
import { readPlainFile } from './files.ts';
import { type GitPlace, readGitLine, runGit } from './git.ts';

export type Repository = {
  /** Absolute, links resolved: the identity of the repository. */
  readonly commonDir: string;
  /** The git dir of the worktree that the user stands in (equal to `commonDir` in the main worktree). */
  readonly gitDir: string;
  /** Top of the worktree that the user stands in; null in a bare repository or inside a git dir. */
  readonly worktreeRoot: string | null;
  /** The directory the user named. */
  readonly startDirectory: string;
};

/** The place for git calls on the repository itself: refs and objects, no worktree. */
export function repositoryPlace(repository: Pick<Repository, 'commonDir'>, inherited: Environment): GitPlace {
  const { commonDir } = repository;
  return { cwd: commonDir, gitDir: commonDir, workTree: null, variables: {}, inherited };
}

/** The place for git calls on one of the user's worktrees. */
export function worktreePlace(worktree: { path: string; gitDir: string }, inherited: Environment): GitPlace {
  return { cwd: worktree.path, gitDir: worktree.gitDir, workTree: worktree.path, variables: {}, inherited };
}

const QUESTIONS = ['--is-inside-work-tree', '--git-common-dir', '--absolute-git-dir', '--show-toplevel'];

/**
 * The repository that `directory` belongs to. One git process.
 * Throws `not-a-repository`, `repository-unreadable`, `repository-unsupported`.
 */
export async function findRepository(directory: string, inherited: Environment): Promise<Repository> {
  const place: GitPlace = { cwd: directory, gitDir: null, workTree: null, variables: {}, inherited };
  // In a bare repository the last question fails after the others were answered.
  const answer = await runGit(place, ['rev-parse', '--path-format=absolute', ...QUESTIONS], { ok: [0, 128] });
  const lines = answer.stdout.toString('utf8').split('\n').slice(0, -1);
  if (lines.length < QUESTIONS.length - 1) throw notARepository(directory, answer.stderr);
  const [inside] = lines;
  const paths =
    lines.length <= QUESTIONS.length
      ? { commonDir: lines[1], gitDir: lines[2], top: lines[3] }
      : // A path with a newline in it: ask for each path alone.
        {
          commonDir: await readGitLine(place, ['rev-parse', '--path-format=absolute', '--git-common-dir']),
          gitDir: await readGitLine(place, ['rev-parse', '--absolute-git-dir']),
          top: inside === 'true' ? await readGitLine(place, ['rev-parse', '--show-toplevel']) : undefined,
        };
  if (paths.commonDir === undefined || paths.gitDir === undefined)
    throw notARepository(directory, answer.stderr);
  const commonDir = realpathSync(paths.commonDir);
  requireSupported(commonDir);
  return {
    commonDir,
    gitDir: realpathSync(paths.gitDir),
    worktreeRoot: inside === 'true' && paths.top !== undefined ? realpathSync(paths.top) : null,
    startDirectory: directory,
  };
}

/** There is one, but git refuses it: broken settings, another format, another owner. */
export type UnreadableRepository = { readonly commonDir: string };

/** The nearest git dir from a directory upwards, by its files alone, for when git does not open it. */
export function findUnreadableRepository(directory: string): UnreadableRepository | undefined {
  for (let folder = directory; ; folder = dirname(folder)) {
    const dotGit = join(folder, '.git');
    const file = readPlainFile(dotGit, 8192);
    const gitDir = file === undefined ? dotGit : resolve(folder, file.replace(/^gitdir: /, '').trimEnd());
    const common = readPlainFile(join(gitDir, 'commondir'), 8192)?.trimEnd();
    const commonDir = common === undefined ? gitDir : resolve(gitDir, common);
    if (existsSync(join(commonDir, 'objects')) && existsSync(join(commonDir, 'HEAD')))
      return { commonDir: realpathSync(commonDir) };
    if (folder === dirname(folder)) return undefined;
  }
}

function notARepository(directory: string, stderr: string): PhasrError {
  const found = findUnreadableRepository(directory);
  if (found !== undefined) {
    const said = stderr.split('\n').find((line) => /^(?:fatal|error): /.test(line)) ?? '';
    const message = `git cannot open the repository ${found.commonDir}: ${said.replace(/^\w+: /, '')}`;
    throw new PhasrError('repository-unreadable', message, {
      hint: 'phasr doctor --fix   (puts the settings back that it had before a task ran, if they are why)',
      details: { directory, stderr },
    });
  }
  return new PhasrError('not-a-repository', `${directory} is not inside a git repository that git can open`, {
    hint: 'Go to a git repository (or make one: git init && git commit), then try again.',
    details: { directory, stderr },
  });
}

function requireSupported(commonDir: string): void {
  if (existsSync(join(commonDir, 'reftable'))) {
    throw new PhasrError('repository-unsupported', 'this repository keeps its refs in the reftable format', {
      hint: 'Phasr supports the files format so far: git refs migrate --ref-format=files',
    });
  }
}

/** A task's worktree, seen from a directory inside it: the user's repository behind it, and which task. */
export type TaskWorktree = { readonly commonDir: string; readonly taskId: number };

/**
 * Tells when a repository is really a task's worktree: its git dir is the task's private one, or the registration in the user's
 * repository after somebody ran `git worktree repair` (its lock's reason tells it from a worktree of the user's that happens to have that name).
 */
export function findTaskWorktree({ commonDir, gitDir }: Repository): TaskWorktree | undefined {
  const inside = isPrivate(commonDir);
  if (inside !== undefined) return inside;
  const id = /^phasr-(\d+)$/.exec(basename(gitDir))?.[1];
  const isOurs =
    id !== undefined && readPlainFile(join(gitDir, 'locked'), 4096)?.startsWith(`phasr task ${id};`) === true;
  return isOurs ? { commonDir, taskId: Number(id) } : undefined;
}

/** `<common dir>/phasr/tasks/<id>/git` is a task's private git dir. */
function isPrivate(commonDir: string): TaskWorktree | undefined {
  const taskDir = dirname(commonDir);
  const phasrDir = dirname(dirname(taskDir));
  const matches =
    basename(commonDir) === 'git' &&
    /^\d+$/.test(basename(taskDir)) &&
    basename(dirname(taskDir)) === 'tasks' &&
    basename(phasrDir) === 'phasr' &&
    // Not the database: it may be lost, and the task is one all the same.
    existsSync(join(taskDir, 'clean'));
  return matches ? { commonDir: dirname(phasrDir), taskId: Number(basename(taskDir)) } : undefined;
}

/** What HEAD of a worktree says, read as text: the branch it is on, or the commit it is detached at. */
export type HeadText = { readonly branch: string } | { readonly detached: Oid } | undefined;

/** Undefined when there is no HEAD file, or it says neither. */
export function readHead(gitDir: string): HeadText {
  let text: string;
  try {
    text = readFileSync(join(gitDir, 'HEAD'), 'utf8').replace(/\n+$/, '');
  } catch {
    // Safe to ignore: no HEAD is one of the answers.
    return undefined;
  }
  const branch = /^ref: *refs\/heads\/(.+)$/.exec(text)?.[1];
  if (branch !== undefined) return { branch };
  const detached = parseOid(text);
  return detached === undefined ? undefined : { detached };
}

/** The commit that a name of the user's means, or undefined when there is none. One git process. */
export async function findCommit(place: GitPlace, name: string): Promise<Oid | undefined> {
  if (name === '' || name.startsWith('-') || /[\0\n]/.test(name)) return undefined;
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`];
  const { exitCode, stdout } = await runGit(place, args, { ok: [0, 1, 128] });
  return exitCode === 0 ? parseOid(stdout.toString('latin1').trim()) : undefined;
}

/** The local branch that a name of the user's means, or undefined (a tag, a remote branch, an oid). One git process. */
export async function findBranchNamed(place: GitPlace, name: string): Promise<string | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--symbolic-full-name', '--end-of-options', name];
  const { exitCode, stdout } = await runGit(place, args, { ok: [0, 1, 128] });
  const full = exitCode === 0 ? stdout.toString('utf8').trim().split('\n').at(-1) : undefined;
  return full !== undefined && full.startsWith('refs/heads/') ? full.slice('refs/heads/'.length) : undefined;
}

/** Throws `git-too-old` when git is older than {@link GIT_VERSION_MIN}. Gives the version as git prints it. */
export async function requireGitVersion(directory: string, inherited: Environment): Promise<string> {
  const place: GitPlace = { cwd: directory, gitDir: null, workTree: null, variables: {}, inherited };
  const line = await readGitLine(place, ['version']);
  const match = /(\d+)\.(\d+)/.exec(line);
  const [major, minor] = [Number(match?.[1]), Number(match?.[2])];
  const { major: majorMin, minor: minorMin } = GIT_VERSION_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return line;
  throw new PhasrError('git-too-old', `${line} is too old for Phasr`, {
    hint: `Install git ${majorMin}.${minorMin} or newer.`,
    details: { version: line },
  });
}
