/**
 * Tells the person that a task waits for him, is done, or has failed: once each time, and not while he is watching it.
 * By the bell of the terminal that the run was asked for from, on the desktop, and by a command of his own.
 */

import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { PhasrError } from '../base/errors.ts';
import { runToEnd } from '../process/spawn.ts';
import { readPlainText } from '../store/files.ts';
import { runPaths } from '../store/paths.ts';
import { listWatchers } from '../store/watchers.ts';
import { describeEscape } from '../task/escape.ts';
import { describeState, type StateName } from '../task/state.ts';
import { latestRun, type Task } from '../task/task.ts';
import { isExecutableFile } from './agent-choice.ts';
import { type Context, isHolderAlive } from './context.ts';
import { settingsIn } from './settings.ts';

type NotifyWays = {
  readonly bell: boolean;
  readonly desktop: boolean;
  /** Program and arguments; empty for none. Task and state come in its environment. */
  readonly command: readonly string[];
};

/** Nobody waits for a notification; a command that hangs is ended. */
const LIMITS = { timeoutMs: 10_000, stdoutBytesMax: 1024 * 1024 };

const WORTH_TELLING: ReadonlySet<StateName> = new Set(['waiting', 'done', 'failed', 'interrupted']);

/** Tells of the task's present state, if it is one that the person wants to know of. Never throws: a bell that does not ring loses nothing. */
export async function notify(context: Context, task: Task): Promise<void> {
  const state = describeState(task, 'not asked', context.clock.nowMs());
  if (!WORTH_TELLING.has(state.name) || (await isWatched(context, task))) return;
  await tell(context, task, state);
}

/** Tells of what was changed outside a task's own place, also a person who watches it. Never throws. */
export async function notifyEscape(context: Context, task: Task): Promise<void> {
  const { escape = null } = task;
  if (escape === null) return;
  await tell(context, task, { name: 'escaped', evidence: describeEscape(escape, task.id) });
}

async function tell(
  context: Context,
  task: Task,
  state: { readonly name: string; readonly evidence: string },
): Promise<void> {
  const ways = await readWays(context);
  const title = `task ${task.id} ${state.name}`;
  const body = `${task.title}: ${state.evidence}`;
  if (ways.bell) ringBell(readPlainText(runPaths(context.paths, task.id, latestRun(task).run).terminal));
  const commands = [
    ...(ways.desktop ? [desktopCommand(context.env, title, body)] : []),
    ...(ways.command.length > 0 ? [ways.command] : []),
  ].filter((command) => command !== undefined);
  const env = {
    ...context.env,
    PHASR_TASK: String(task.id),
    PHASR_STATE: state.name,
    PHASR_TITLE: task.title,
    PHASR_REASON: state.evidence,
    PHASR_REPOSITORY: context.repository.commonDir,
  };
  await Promise.all(
    commands.map(async ([file = '', ...args]) => {
      // A program that is missing or fails says so to nobody: there is nobody to say it to.
      await runToEnd({ file, args, cwd: '/', env }, LIMITS).catch(() => undefined);
    }),
  );
}

/** The person's own settings alone: a repository has no say in what runs on his machine. Settings that cannot be read silence nobody. */
async function readWays(context: Context): Promise<NotifyWays> {
  try {
    const { env } = context;
    const { notify: ways } = await settingsIn({ env, directory: '/', worktreeRoot: null });
    return { bell: ways.bell.value, desktop: ways.desktop.value, command: ways.command.value ?? [] };
  } catch (error) {
    if (!(error instanceof PhasrError)) throw error;
    return { bell: true, desktop: true, command: [] };
  }
}

/** Whether a living process shows the task to its person. */
export async function isWatched(context: Context, task: Task): Promise<boolean> {
  for (const { holder, tasks, forget } of listWatchers(context.paths.watchersDir)) {
    if (!(await isHolderAlive(holder))) forget();
    else if (tasks.includes(task.id)) return true;
  }
  return false;
}

/** Writes one BEL to a terminal of the same user's; to nothing else, whatever the file says. */
function ringBell(terminal: string | undefined): void {
  const path = terminal?.trim() ?? '';
  if (!/^\/dev\/(?:pts\/\d+|tty[a-zA-Z0-9]+)$/.test(path)) return;
  try {
    const flags = constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
    const file = openSync(path, flags);
    try {
      const stat = fstatSync(file);
      if (stat.isCharacterDevice() && stat.uid === process.getuid?.()) writeSync(file, '\u0007');
    } finally {
      closeSync(file);
    }
  } catch {
    // Safe to ignore: the terminal was closed.
  }
}

/** The system's own notifier, if there is one and somebody to see it. Texts are arguments, never part of a script. */
function desktopCommand(env: Environment, title: string, body: string): readonly string[] | undefined {
  if (process.platform === 'darwin') {
    const script = [
      'on run argv',
      'display notification (item 2 of argv) with title (item 1 of argv)',
      'end run',
    ];
    return ['osascript', ...script.flatMap((line) => ['-e', line]), title, body];
  }
  const hasDesktop = ['DISPLAY', 'WAYLAND_DISPLAY', 'DBUS_SESSION_BUS_ADDRESS'].some((name) => env[name]);
  const program = (env['PATH'] ?? '')
    .split(delimiter)
    .filter(isAbsolute)
    .map((directory) => join(directory, 'notify-send'))
    .find(isExecutableFile);
  if (!hasDesktop || program === undefined) return undefined;
  return [program, '--app-name=Phasr', '--', title, body];
}
