/**
 * The one door to the git program (ADR 0001: the program, not a library).
 *
 * Argument arrays, an explicit place, a named set of exit codes that the caller understands, limits on time and output. Standard error is for people and
 * is never parsed for decisions, with one closed exception: messages that mean "a lock was taken, try again".
 */

import { appendFileSync, existsSync, statfsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { PhasrError } from '../base/errors.ts';
import { renderSize } from '../base/size.ts';
import type { Ended, Program } from '../process/spawn.ts';
import type { Environment } from '../base/environment.ts';
import { runPiped, runStreaming, runToEnd } from '../process/spawn.ts';
import { GIT_SETTINGS, gitEnvironment } from './environment.ts';

/** Where a git call works. Paths are absolute. */
export type GitPlace = {
  readonly cwd: string;
  /** Null: git finds the repository from `cwd`; only for directories that the user named himself. */
  readonly gitDir: string | null;
  /** Null: git is told of no worktree. */
  readonly workTree: string | null;
  /** More variables: index file, object directories, identity. */
  readonly variables: Environment;
  /** The user's environment, before scrubbing. */
  readonly inherited: Environment;
};

export type GitOptions = {
  /** Exit codes that are answers; any other one throws. Default: 0 alone. */
  readonly ok?: readonly number[];
  readonly stdin?: Uint8Array | string;
  readonly timeoutMs?: number;
  readonly stdoutBytesMax?: number;
  readonly settings?: readonly string[];
  /** Try again when another process holds a lock. For commands that change the shared repository. */
  readonly retryLocks?: boolean;
  /** Flush what is written, so that a power cut leaves no empty object or ref (hazards §5). */
  readonly durable?: boolean;
};

export type GitAnswer = { readonly exitCode: number; readonly stdout: Buffer; readonly stderr: string };

/** Reads and small writes. A checkout states its own, longer limit. */
const TIMEOUT_MS = 120_000;
/** A list of every path of a large repository fits; a diff is streamed instead. */
const STDOUT_BYTES_MAX = 256 * 1024 * 1024;

/** Closed list, from hazards §4.2; all mean that somebody else was in the middle of something and that nothing was done. */
const RETRYABLE = [
  /failed to read .*commondir/,
  /could not lock config file/,
  /Unable to create '.*\.lock': File exists/,
  /cannot lock ref '.*': Unable to create/,
  /unable to create temporary file: No such file/,
];
const TRIES_MAX = 6;

/** Runs git in a place. Throws `git-failed` for an exit code that is no answer, `git-timed-out`, `git-missing`. */
export async function runGit(
  place: GitPlace,
  args: readonly string[],
  options: GitOptions = {},
): Promise<GitAnswer> {
  const program = gitProgram(place, args, options);
  for (let tries = 1; ; tries++) {
    const end = await traced(place, args, () => callGit(program, options));
    const answer = { exitCode: end.exitCode ?? -1, stdout: end.stdout, stderr: end.stderrTail };
    if (end.cutShort === null && end.signal === null && (options.ok ?? [0]).includes(answer.exitCode))
      return answer;
    const retryable =
      options.retryLocks === true && RETRYABLE.some((message) => message.test(end.stderrTail));
    if (!retryable || tries >= TRIES_MAX) throw gitFailure(place, args, end);
    await delay(25 * 2 ** tries * (0.5 + Math.random()));
  }
}

/** As {@link runGit}, for one line of output. */
export async function readGitLine(
  place: GitPlace,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string> {
  return (await runGit(place, args, options)).stdout.toString('utf8').replace(/\n$/, '');
}

/** Runs `git first | git second`; both must end with 0. Gives what the second printed. */
export async function pipeGit(
  places: readonly [GitPlace, GitPlace],
  args: readonly [readonly string[], readonly string[]],
  options: { readonly stdin: string; readonly durable: boolean },
): Promise<Buffer> {
  const first = gitProgram(places[0], args[0], {});
  const second = gitProgram(places[1], args[1], { durable: options.durable });
  const limits = { timeoutMs: 30 * 60_000, stdoutBytesMax: 1024 * 1024 };
  const [one, two] = await traced(places[0], args[0], () =>
    traced(places[1], args[1], () => runPiped([first, second], limits, options.stdin)),
  );
  // Nobody took what it printed: the other one knows why.
  if (one.signal === 'SIGPIPE' && two.exitCode !== 0) throw gitFailure(places[1], args[1], two);
  if (one.exitCode !== 0) throw gitFailure(places[0], args[0], one);
  if (two.exitCode !== 0) throw gitFailure(places[1], args[1], two);
  return two.stdout;
}

/** Git's output as it comes, for diffs, whose size has no limit. Throws `git-failed` at the end when git failed. */
export async function* streamGit(
  place: GitPlace,
  args: readonly string[],
  options: { readonly timeoutMs: number },
): AsyncGenerator<Buffer> {
  const { stdout, stop, end } = runStreaming(gitProgram(place, args, {}), options.timeoutMs);
  try {
    for await (const chunk of stdout) yield chunk;
    const ended = await end;
    if (ended.exitCode !== 0) throw gitFailure(place, args, ended);
  } finally {
    stop();
  }
}

function gitProgram(place: GitPlace, args: readonly string[], options: GitOptions): Program {
  const settings = [
    ...GIT_SETTINGS,
    ...(options.durable === true ? ['core.fsync=all'] : []),
    ...(options.settings ?? []),
  ];
  const where = [
    ...(place.gitDir === null ? [] : [`--git-dir=${place.gitDir}`]),
    ...(place.workTree === null ? [] : [`--work-tree=${place.workTree}`]),
  ];
  return {
    file: 'git',
    args: [...settings.flatMap((setting) => ['-c', setting]), ...where, ...args],
    cwd: place.cwd,
    env: { ...gitEnvironment(place.inherited), ...place.variables },
  };
}

async function callGit(program: Program, options: GitOptions): Promise<Ended> {
  const limits = {
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    stdoutBytesMax: options.stdoutBytesMax ?? STDOUT_BYTES_MAX,
  };
  try {
    return await runToEnd(program, limits, options.stdin);
  } catch (error) {
    if (!(error instanceof PhasrError) || error.code !== 'program-missing') throw error;
    throw new PhasrError('git-missing', `git could not be started in ${program.cwd}`, {
      hint: 'Install git 2.38 or newer and check that it is in PATH.',
      details: error.details,
      cause: error,
    });
  }
}

/** With less than this free, what git could not write is what failed, most likely. */
const SCARCE_BYTES = 50_000_000;

function hintFor({ cwd }: GitPlace): string {
  const { bavail, bsize } = statfsSync(existsSync(cwd) ? cwd : '/');
  const said = 'What git said in full is in the details (--json).';
  const freeBytes = bavail * bsize;
  return freeBytes < SCARCE_BYTES
    ? `Its disk has ${renderSize(freeBytes)} free: free some space, then try again. ${said}`
    : said;
}

function gitFailure(place: GitPlace, args: readonly string[], end: Ended): PhasrError {
  const name = `git ${args.find((arg) => !arg.startsWith('-')) ?? ''}`.trim();
  const details = {
    args: args.slice(0, 40),
    exitCode: end.exitCode,
    signal: end.signal,
    stderr: end.stderrTail,
  };
  if (end.cutShort !== null) {
    const limit = end.cutShort === 'time' ? 'took too long' : 'printed too much';
    return new PhasrError('git-timed-out', `${name} ${limit} and was ended`, {
      hint: 'Try again when the machine is less busy.',
      details,
    });
  }
  const lines = end.stderrTail.split('\n').filter((line) => line !== '');
  const why =
    lines.find((line) => /^(?:fatal|error):/.test(line)) ??
    lines.at(-1) ??
    `exit code ${end.exitCode ?? end.signal}`;
  return new PhasrError('git-failed', `${name} failed: ${why.replace(/^(?:fatal|error): /, '')}`, {
    hint: hintFor(place),
    details,
  });
}

/** With `PHASR_TRACE=<file>` every git call is written there as one JSON line (`at` and `ms` in milliseconds, arguments, directory). */
async function traced<T>(place: GitPlace, args: readonly string[], call: () => Promise<T>): Promise<T> {
  const file = place.inherited['PHASR_TRACE'];
  if (file === undefined || file === '') return call();
  const startMs = performance.now();
  try {
    return await call();
  } finally {
    const ms = Math.round((performance.now() - startMs) * 10) / 10;
    appendFileSync(file, `${JSON.stringify({ at: Math.round(startMs), git: args, ms, cwd: place.cwd })}\n`);
  }
}
