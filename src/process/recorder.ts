/**
 * The recorder: a tiny shell that starts the agent, waits for it and writes its exit status to a file.
 *
 * It is why the agent outlives its supervisor and its end is known all the same. The shell runs a fixed script; the agent's command
 * reaches it as arguments and is never interpreted by it. It leads the run's session, outlives polite signals to the group, and closes the agent's
 * standard input.
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
  `exit_file=$1`,
  `shift`,
  `"$@" </dev/null`,
  `code=$?`,
  `printf '%s\\n' "$code" >"$exit_file"`,
].join('\n');

export type AgentProcess = {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Environment;
  /** Receives what the agent prints; appended to. */
  readonly outputPath: string;
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
  try {
    const args = ['-c', RECORDER_SCRIPT, 'phasr-run', agent.exitPath, ...agent.command];
    const started = await startDetached({ file: '/bin/sh', args, cwd: agent.cwd, env: agent.env }, output);
    const row = await findProcess(started.pid);
    // The recorder may be over already; then only its exit file matters, and no process has this identity.
    const startedAt = row?.startedAt ?? 'ended-at-once';
    return { process: { pid: started.pid, startedAt }, exit: started.exit };
  } finally {
    closeSync(output);
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
