/** What a command of the CLI is: a declaration (help and reference come from it) and a handler that is loaded when it is called. */

import { parseDuration } from '../base/duration.ts';
import { PhasrError } from '../base/errors.ts';
import type { Environment } from '../base/environment.ts';
import { openPhasr, type Phasr } from '../phasr.ts';
import { parseTaskId, type TaskId } from '../task/names.ts';
import type { Output } from './output.ts';

export type OptionDeclaration = {
  /** As people type it: `--jobs <n>`, `-f, --follow`. */
  readonly flags: string;
  readonly description: string;
  /** May be given several times. */
  readonly isRepeatable?: true;
};

/** What a person is at when he needs a command; `phasr --help` shows them in this order. */
export type CommandGroup = 'start' | 'look' | 'decide' | 'take back' | 'go on' | 'tools';

export type CommandDeclaration = {
  readonly name: string;
  readonly group: CommandGroup;
  /** As commander takes it: `<task...>`, `[path...]`. */
  readonly arguments: string;
  /** What stands after `--`, for the line that shows the usage: `-- <command...>`. */
  readonly rest?: string;
  readonly summary: string;
  /** More paragraphs for `--help`. */
  readonly details: string;
  readonly options: readonly OptionDeclaration[];
  readonly examples: readonly (readonly [command: string, what: string])[];
  readonly load: () => Promise<Handler>;
};

/** One call of a command. */
export type Invocation = {
  readonly args: readonly string[];
  readonly options: Options;
  /** What stands after `--`; null when there is no `--`. */
  readonly rest: readonly string[] | null;
  readonly env: Environment;
  readonly directory: string;
  readonly output: Output;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** For programs that get the person's terminal: while `work` goes on, signals abort nothing here and end nothing here. */
  readonly leaveSignals: <T>(work: () => Promise<T>) => Promise<T>;
};

/** Gives the exit code. */
export type Handler = (invocation: Invocation) => Promise<number>;

/** Options as they were typed; read through the functions below. */
export type Options = Readonly<Record<string, unknown>>;

export function flag(options: Options, name: string): boolean {
  return options[name] === true;
}

export function text(options: Options, name: string): string | null {
  const value = options[name];
  return typeof value === 'string' ? value : null;
}

export function texts(options: Options, name: string): readonly string[] {
  const value = options[name];
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

export function usageError(message: string, hint: string): PhasrError {
  return new PhasrError('usage', message, { hint });
}

/** A whole number from `min` to `max`; null when the option is not given. Throws `usage`. */
export function wholeNumber(
  options: Options,
  name: string,
  range: { readonly min: number; readonly max: number },
): number | null {
  const value = text(options, name);
  if (value === null) return null;
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= range.min && number <= range.max) return number;
  throw usageError(
    `--${name} takes a whole number from ${range.min} to ${range.max}, not "${value}"`,
    `As in: --${name} ${range.min}`,
  );
}

/** A duration such as `90s`, `30m`, `2h` (a bare number is seconds), in milliseconds; null when not given. Throws `usage`. */
export function duration(options: Options, name: string): number | null {
  const value = text(options, name);
  if (value === null) return null;
  const ms = parseDuration(value);
  if (ms !== undefined) return ms;
  throw usageError(`--${name} takes a duration, not "${value}"`, `As in: --${name} 30m   (s, m, h)`);
}

const TASKS_MAX = 1000;

/** Task ids as typed: `3`, `#3`, `2-5`, `2,4`, a branch name; without any, the task in whose worktree the person stands. Throws `usage`. */
export function parseTasks(args: readonly string[], current: TaskId | null): readonly TaskId[] {
  if (args.length === 0 && current !== null) return [current];
  if (args.length === 0) throw usageError('which task?', 'Give its number: phasr list shows them.');
  const ids = args.flatMap((arg) => arg.split(',')).flatMap(parseTaskRange);
  return [...new Set(ids)];
}

function parseTaskRange(word: string): readonly TaskId[] {
  const range = /^(\d{1,9})-(\d{1,9})$/.exec(word);
  const id = parseTaskId(word);
  if (id !== undefined) return [id];
  const [from, to] = [Number(range?.[1]), Number(range?.[2])];
  if (range === null || from < 1 || to < from || to - from >= TASKS_MAX) {
    throw usageError(`"${word}" is no task number`, 'As in: phasr show 3   or   phasr merge 2-5');
  }
  return Array.from({ length: to - from + 1 }, (_, index) => parseTaskId(String(from + index))).filter(
    (task) => task !== undefined,
  );
}

/** Exactly one task. Throws `usage`. */
export function parseTask(args: readonly string[], current: TaskId | null): TaskId {
  const [id, another] = parseTasks(args, current);
  if (id === undefined || another !== undefined) throw usageError('give one task', 'As in: phasr show 3');
  return id;
}

/** Opens the repository of the present directory for one command, and closes it afterwards. */
export async function withPhasr<T>(invocation: Invocation, work: (phasr: Phasr) => Promise<T>): Promise<T> {
  const phasr = await openPhasr({ directory: invocation.directory, env: invocation.env });
  try {
    return await work(phasr);
  } finally {
    phasr.close();
  }
}
