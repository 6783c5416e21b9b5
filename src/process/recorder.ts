/**
 * The recorder: a tiny shell that starts the agent, waits for it and writes its exit status to a file.
 *
 * It is why the agent outlives its supervisor and its end is known all the same. The shell runs a fixed script; the agent's command
 * reaches it as arguments and is never interpreted by it. It leads the run's session, outlives polite signals to the group, and gives the agent a
 * standard input that ends: an open one makes some agents wait for ever.
 */

import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { PhasrError } from '../base/errors.ts';
import type { ProcessIdentity } from '../base/identity.ts';
import { startDetached } from './spawn.ts';
import type { Environment } from '../base/environment.ts';
import { findProcess } from './table.ts';

/** Handlers, not `trap ''`: a program started by the shell gets its default signal actions back. */
const RECORDER_SCRIPT = [
  `trap : HUP INT QUIT TERM`,
  `exit_file=$1 input_file=$2`,
  `shift 2`,
  `"$@" <"$input_file"`,
  `code=$?`,
  `printf '%s\\n' "$code" >"$exit_file"`,
].join('\n');

export type AgentProcess = {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Environment;
  /** The file that its standard input holds; null for none. */
  readonly inputPath: string | null;
  /** Receives what the agent prints; appended to. */
  readonly outputPath: string;
  /** Receives its standard error, for agents whose standard output is a stream of its own form; null: as `outputPath`. */
  readonly errorPath: string | null;
  readonly exitPath: string;
};

export type StartedAgent = {
  readonly process: ProcessIdentity;
  readonly exit: Promise<void>;
};

/** Starts an agent under a recorder, in a session of its own. Throws `platform-unsupported` on Windows (not built, not tried). */
export async function startAgent(agent: AgentProcess): Promise<StartedAgent> {
  if (process.platform === 'win32') {
    throw new PhasrError('platform-unsupported', 'Phasr cannot supervise processes on Windows yet', {
      hint: 'Use it under WSL 2, where it runs as on Linux.',
    });
  }
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
  const output = openSync(agent.outputPath, flags, 0o600);
  const errors = agent.errorPath === null ? output : openSync(agent.errorPath, flags, 0o600);
  try {
    const files = [agent.exitPath, agent.inputPath ?? '/dev/null'];
    const args = ['-c', RECORDER_SCRIPT, 'phasr-run', ...files, ...agent.command];
    const recorder = { file: '/bin/sh', args, cwd: agent.cwd, env: agent.env };
    const started = await startDetached(recorder, output, errors);
    const row = await findProcess(started.pid);
    // The recorder may be over already; then only its exit file matters, and no process has this identity.
    const startedAt = row?.startedAt ?? 'ended-at-once';
    return { process: { pid: started.pid, startedAt }, exit: started.exit };
  } finally {
    closeSync(output);
    if (errors !== output) closeSync(errors);
  }
}

/**
 * What the exit file says: an exit status, `unreadable` when it holds none (yet, or because the disk was full), undefined when
 * it is not there.
 */
export function readExitStatus(exitPath: string): number | 'unreadable' | undefined {
  let text: string;
  try {
    text = readFileSync(exitPath, 'latin1');
  } catch {
    // Safe to ignore: not written (yet).
    return undefined;
  }
  const digits = /^(\d{1,3})\n$/.exec(text)?.[1];
  return digits === undefined ? 'unreadable' : Number(digits);
}
