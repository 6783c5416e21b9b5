/**
 * The one door to the operating system's processes: nothing else imports `node:child_process`.
 *
 * Programs get argument arrays, never a shell line; output is bytes, always bounded; every wait has a limit.
 */

import { spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { type Readable, Writable } from 'node:stream';
import { isatty } from 'node:tty';
import type { Environment } from '../base/environment.ts';
import { PhasrError, systemCode } from '../base/errors.ts';

export type Program = {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Environment;
};

export type EndLimits = {
  /** The program is killed after this time. */
  readonly timeoutMs: number;
  /** The program is killed when it prints more than this on standard output. */
  readonly stdoutBytesMax: number;
};

/** How a program ended. Exactly one of `exitCode` and `signal` is set. */
export type Ended = {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  /** The last {@link STDERR_TAIL_BYTES} of standard error, for people. */
  readonly stderrTail: string;
  readonly cutShort: 'time' | 'output' | null;
};

/** 8 KiB is more than any git message that a person reads. */
const STDERR_TAIL_BYTES = 8192;

/**
 * Runs a program to its end and collects what it printed.
 * Outcomes: any exit code or signal is an answer. Throws `program-missing` when it cannot be started at all.
 */
export async function runToEnd(
  program: Program,
  limits: EndLimits,
  stdin?: Uint8Array | string,
): Promise<Ended> {
  const child = start(program, [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']);
  const { stdin: input, stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('a spawned program has no output pipes');
  let cutShort: Ended['cutShort'] = null;
  const cut = (why: 'time' | 'output'): void => {
    cutShort ??= why;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(() => cut('time'), limits.timeoutMs);
  const collected = collectOutput(stdout, {
    bytesMax: limits.stdoutBytesMax,
    onOverflow: () => cut('output'),
  });
  const tail = collectTail(stderr);
  if (input !== null) writeAll(input, stdin ?? '');
  try {
    const [exitCode, signal] = await ended(child, program);
    return { exitCode, signal, stdout: collected(), stderrTail: tail(), cutShort };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs `first | second` without this process in between, and collects what the second printed.
 * The ends come in the order of the programs.
 */
export async function runPiped(
  programs: readonly [Program, Program],
  limits: EndLimits,
  stdin: Uint8Array | string,
): Promise<readonly [Ended, Ended]> {
  const first = start(programs[0], ['pipe', 'pipe', 'pipe']);
  if (first.stdin === null || first.stdout === null || first.stderr === null) throw new Error('no pipes');
  const second = start(programs[1], [first.stdout, 'pipe', 'pipe']);
  if (second.stdout === null || second.stderr === null) throw new Error('no pipes');
  first.stdout.destroy();
  let cutShort: Ended['cutShort'] = null;
  const cut = (why: 'time' | 'output'): void => {
    cutShort ??= why;
    first.kill('SIGKILL');
    second.kill('SIGKILL');
  };
  const timer = setTimeout(() => cut('time'), limits.timeoutMs);
  const firstTail = collectTail(first.stderr);
  const secondTail = collectTail(second.stderr);
  const collected = collectOutput(second.stdout, {
    bytesMax: limits.stdoutBytesMax,
    onOverflow: () => cut('output'),
  });
  writeAll(first.stdin, stdin);
  try {
    const [[firstCode, firstSignal], [secondCode, secondSignal]] = await Promise.all([
      exited(first, programs[0]),
      ended(second, programs[1]),
    ]);
    return [
      {
        exitCode: firstCode,
        signal: firstSignal,
        stdout: Buffer.alloc(0),
        stderrTail: firstTail(),
        cutShort,
      },
      { exitCode: secondCode, signal: secondSignal, stdout: collected(), stderrTail: secondTail(), cutShort },
    ];
  } finally {
    clearTimeout(timer);
  }
}

/** A program that was started and is not waited for here. */
export type Started = {
  readonly pid: number;
  /** Resolves when the program has exited; never rejects. Does not keep this process alive. */
  readonly exit: Promise<void>;
};

/**
 * Starts a program in a session and group of its own; it outlives this process.
 * `outputFd` receives standard output, and standard error too unless `errorFd` does; standard input is closed.
 * Throws `program-missing` when it cannot be started.
 */
export async function startDetached(
  program: Program,
  outputFd: number | 'ignore',
  errorFd: number | 'ignore' = outputFd,
): Promise<Started> {
  const child = spawn(program.file, program.args, {
    cwd: program.cwd,
    env: { ...program.env },
    detached: true,
    windowsHide: true,
    stdio: ['ignore', outputFd, errorFd],
  });
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw cannotStart(program, error);
  }
  child.unref();
  if (child.pid === undefined) throw new Error('a started program has no pid');
  return { pid: child.pid, exit };
}

/**
 * Runs a program on the person's terminal, fed by `feed` (a pager, say). Resolves with its exit code when it has ended.
 * A program that stops reading early is no error.
 */
export async function runOnTerminal(
  program: Program,
  feed: (input: Writable) => Promise<void>,
): Promise<number> {
  const child = start(program, ['pipe', 'inherit', 'inherit']);
  const exit = exited(child, program);
  const input = child.stdin;
  if (input === null) throw new Error('no pipe');
  input.on('error', () => {
    // Safe to ignore: a pager that was left closes its end (EPIPE); its exit says the rest.
  });
  await feed(input);
  input.end();
  const [code] = await exit;
  return code ?? 1;
}

/** How a program that had the person's terminal ended. */
export type ForegroundEnd = {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The first signal that reached this process meanwhile; null when none did. */
  readonly received: NodeJS.Signals | null;
};

type BehindWalls = {
  readonly passOn: (pid: number, name: NodeJS.Signals) => Promise<void>;
  readonly filter: Buffer | null;
};

const PASSED_ON = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a program with the person's own standard input, output and error, and waits as long as it takes; no signal ends this process before it.
 * What a terminal's keys send (Ctrl-C, Ctrl-\) the terminal gives to the program itself; every other signal is passed on to it.
 * Behind walls, `passOn` does that, given its pid, and `filter` is what the program finds at descriptor 3. `stdout` 'error' sends its output to standard error instead. Throws `program-missing` when it cannot be started.
 */
export async function runForeground(
  program: Program,
  stdout: 'output' | 'error',
  behind: BehindWalls | null = null,
): Promise<ForegroundEnd> {
  const hasTerminal = [0, 1, 2].some((fd) => isatty(fd));
  const filter = behind?.filter ?? null;
  const child = start(program, [
    'inherit',
    stdout === 'output' ? 'inherit' : 2,
    'inherit',
    ...(filter === null ? [] : (['pipe'] as const)),
  ]);
  if (filter !== null) giveFilter(child, filter);
  let received: NodeJS.Signals | null = null;
  const onSignal = (name: NodeJS.Signals): void => {
    received ??= name;
    const isByKey = hasTerminal && (name === 'SIGINT' || name === 'SIGQUIT');
    if (isByKey) return;
    if (behind === null || child.pid === undefined) child.kill(name);
    // Safe to leave: what cannot be reached has ended, or says so by its exit code.
    else void behind.passOn(child.pid, name).catch(() => child.kill('SIGKILL'));
  };
  for (const name of PASSED_ON) process.on(name, onSignal);
  try {
    const [exitCode, signal] = await exited(child, program);
    return { exitCode, signal, received };
  } finally {
    for (const name of PASSED_ON) process.off(name, onSignal);
  }
}

function giveFilter(child: Child, filter: Buffer): void {
  const pipe = child.stdio[3];
  if (!(pipe instanceof Writable)) throw new Error('no pipe');
  // Safe to ignore: a program that does not read it has ended, and its exit code says why.
  pipe.on('error', () => undefined);
  pipe.end(filter);
}

/** A program whose standard output is read while it runs. */
export type Streaming = {
  readonly stdout: AsyncIterable<Buffer>;
  /** Kills the program; for readers that have enough. */
  readonly stop: () => void;
  readonly end: Promise<Ended>;
};

/** Starts a program whose output is consumed as it comes, so that its size does not matter. The reader must begin at once. */
export function runStreaming(program: Program, timeoutMs: number): Streaming {
  const child = start(program, ['ignore', 'pipe', 'pipe']);
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('no pipes');
  const tail = collectTail(stderr);
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const end = exited(child, program).then(([exitCode, signal]): Ended => ({
    exitCode,
    signal,
    stdout: Buffer.alloc(0),
    stderrTail: tail(),
    cutShort: null,
  }));
  void end.catch(() => undefined).then(() => clearTimeout(timer));
  return { stdout, stop: () => void child.kill('SIGKILL'), end };
}

type Child = ReturnType<typeof spawn>;

function start(program: Program, stdio: StdioOptions): Child {
  return spawn(program.file, program.args, {
    cwd: program.cwd,
    env: { ...program.env },
    windowsHide: true,
    stdio,
  });
}

/** Resolves when the program is gone *and* its pipes are closed. */
async function ended(child: Child, program: Program): Promise<[number | null, NodeJS.Signals | null]> {
  return whenOver(child, { program, event: 'close' });
}

/** Resolves when the program is gone; somebody else may still hold its pipes. */
async function exited(child: Child, program: Program): Promise<[number | null, NodeJS.Signals | null]> {
  return whenOver(child, { program, event: 'exit' });
}

function whenOver(
  child: Child,
  about: { readonly program: Program; readonly event: 'close' | 'exit' },
): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(cannotStart(about.program, error)));
    child.once(about.event, (code: number | null, signal: NodeJS.Signals | null) => resolve([code, signal]));
  });
}

function cannotStart(program: Program, error: unknown): PhasrError {
  const code = systemCode(error);
  const why =
    code === 'ENOENT' ? 'it was not found' : code === 'EACCES' ? 'it may not be executed' : String(code);
  return new PhasrError('program-missing', `${program.file} could not be started: ${why}`, {
    hint: `Check that ${program.file} is installed and in PATH, and that ${program.cwd} exists.`,
    details: { file: program.file, cwd: program.cwd, systemCode: code ?? null },
    cause: error,
  });
}

function writeAll(input: Writable, bytes: Uint8Array | string): void {
  input.on('error', () => {
    // Safe to ignore: the program closed its input early (EPIPE); its exit code says whether that was right.
  });
  input.end(bytes);
}

function collectOutput(
  stream: Readable,
  limit: { readonly bytesMax: number; readonly onOverflow: () => void },
): () => Buffer {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > limit.bytesMax) return limit.onOverflow();
    chunks.push(chunk);
  });
  return () => Buffer.concat(chunks);
}

function collectTail(stream: Readable): () => string {
  let tail = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]);
    if (tail.length > STDERR_TAIL_BYTES) tail = tail.subarray(tail.length - STDERR_TAIL_BYTES);
  });
  return () => tail.toString('utf8').trimEnd();
}
