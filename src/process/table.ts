/**
 * The process table: who lives, since when, and which processes carry a run's marker.
 *
 * Linux reads `/proc`; other systems ask `ps` (written from its manual, not verified on macOS or BSD).
 * A process is always named by pid *and* start time, so that a reused pid is never taken for the old process.
 */

import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import type { ProcessIdentity } from '../base/identity.ts';
import { runToEnd } from './spawn.ts';

/** One row of the process table. */
export type ProcessRow = ProcessIdentity & {
  readonly parentPid: number;
  readonly groupId: number;
  readonly sessionId: number;
  /** The name of its program, at most 15 bytes; empty where the system tells too little. */
  readonly program: string;
};

const usesProc = process.platform === 'linux';

/** The process that has this pid now; undefined when there is none or it is a zombie. */
export async function findProcess(pid: number): Promise<ProcessRow | undefined> {
  if (usesProc) return readProcRow(pid);
  return (await listByPs()).find((row) => row.pid === pid);
}

/** True while this very process lives (not a later one with its pid). */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await findProcess(identity.pid))?.startedAt === identity.startedAt;
}

/** This process. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  const row = await findProcess(process.pid);
  if (row === undefined) throw new Error('this process is not in the process table');
  return { pid: row.pid, startedAt: row.startedAt };
}

/** Every process that this user may look at; zombies are left out. */
export async function listProcesses(): Promise<readonly ProcessRow[]> {
  if (!usesProc) return listByPs();
  const rows: ProcessRow[] = [];
  for (const name of readdirSync('/proc')) {
    const row = /^\d+$/.test(name) ? readProcRow(Number(name)) : undefined;
    if (row !== undefined) rows.push(row);
  }
  return rows;
}

/** True when the process was started with `name=value` in its environment (children inherit it). */
export async function carriesVariable(row: ProcessRow, variable: string): Promise<boolean> {
  if (!usesProc) return (await readPs([...PS_ENVIRONMENT, '-p', String(row.pid)])).includes(` ${variable}`);
  try {
    return `\0${readFileSync(`/proc/${row.pid}/environ`, 'latin1')}`.includes(`\0${variable}\0`);
  } catch {
    // Safe to ignore: it has just ended, or it belongs to another user and so is not ours.
    return false;
  }
}

/** Whether any living process but this one was started with `name=value` in its environment. */
export async function hasProcessWith(variable: string): Promise<boolean> {
  if (!usesProc) return (await readPs(['-ax', ...PS_ENVIRONMENT])).includes(` ${variable} `);
  for (const row of await listProcesses())
    if (row.pid !== process.pid && (await carriesVariable(row, variable))) return true;
  return false;
}

/** Memory that a process has in RAM now, in bytes; what it shares is counted for each. 0 when it has just ended, null where the system is not asked. */
export function readResidentBytes(pid: number): number | null {
  if (!usesProc) return null;
  try {
    // proc(5): VmRSS, in kB.
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    // Safe to ignore: it has ended.
    return 0;
  }
}

let bootId: string | undefined;

/** Field numbers as in proc(5): 3 state, 4 ppid, 5 pgrp, 6 session, 22 starttime (clock ticks since boot). */
function readProcRow(pid: number): ProcessRow | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // Safe to ignore: no such process.
    return undefined;
  }
  // The program's name stands in parentheses and may itself contain blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, group, session] = fields;
  const startTicks = fields[19];
  if (state === undefined || startTicks === undefined || 'ZXx'.includes(state)) return undefined;
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim().slice(0, 8);
  return {
    pid,
    startedAt: `${bootId}-${startTicks}`,
    parentPid: Number(parent),
    groupId: Number(group),
    sessionId: Number(session),
    program: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
  };
}

const PS_LIMITS = { timeoutMs: 10_000, stdoutBytesMax: 16 * 1024 * 1024 };

/** Arguments and environment, in one line for each process. */
const PS_ENVIRONMENT = ['-E', '-ww', '-o', 'command='];

async function readPs(args: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' };
  const { stdout } = await runToEnd({ file: 'ps', args, cwd: '/', env }, PS_LIMITS);
  return stdout.toString('latin1');
}

async function listByPs(): Promise<readonly ProcessRow[]> {
  const rows: ProcessRow[] = [];
  for (const line of (await readPs(['-axo', 'pid=,ppid=,pgid=,state=,lstart='])).split('\n')) {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line);
    if (match === null || match[4]?.startsWith('Z') === true) continue;
    const [pid, parentPid, groupId] = [Number(match[1]), Number(match[2]), Number(match[3])];
    rows.push({ pid, startedAt: match[5] ?? '', parentPid, groupId, sessionId: groupId, program: '' });
  }
  return rows;
}

/**
 * Whether a living process may be using a file: it has it open, or it is a git that works in one of the directories (git holds a lock
 * file for a while after closing it). `unknown` where the system does not tell.
 */
export async function findUsers(
  path: string,
  directories: readonly string[],
): Promise<'none' | 'some' | 'unknown'> {
  if (!usesProc) return 'unknown';
  for (const { pid } of await listProcesses()) {
    if (pid === process.pid) continue;
    if (listOpenFiles(pid).includes(path)) return 'some';
    const program = readLink(`/proc/${pid}/exe`).split('/').at(-1) ?? '';
    const cwd = readLink(`/proc/${pid}/cwd`);
    if (
      /^git(?:-|$)/.test(program) &&
      directories.some((directory) => cwd === directory || cwd.startsWith(`${directory}/`))
    ) {
      return 'some';
    }
  }
  return 'none';
}

function listOpenFiles(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readLink(`/proc/${pid}/fd/${fd}`));
  } catch {
    // Safe to ignore: it has ended, or belongs to another user, who cannot hold our files.
    return [];
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // Safe to ignore: it has ended in between.
    return '';
  }
}
