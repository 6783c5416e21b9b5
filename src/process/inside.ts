/** Which living processes have their working directory in a folder: it is in use, whatever started them. */

import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { PhasrError } from '../base/errors.ts';
import { runToEnd } from './spawn.ts';
import { findProcess } from './table.ts';

export type Occupant = { readonly pid: number; readonly program: string };

/**
 * The processes that work in a folder or below it, but for this one. The path must be free of links. `unknown` where the system does not tell.
 * Processes of other users cannot be looked at, and are left out.
 */
export async function findOccupants(folder: string): Promise<readonly Occupant[] | 'unknown'> {
  const everybody = process.platform === 'linux' ? listByProc() : await listByLsof();
  if (everybody === 'unknown') return 'unknown';
  return everybody
    .filter(({ pid, cwd }) => pid !== process.pid && (cwd === folder || cwd.startsWith(`${folder}/`)))
    .map(({ pid, program }) => ({ pid, program: program() }));
}

/** More generations than any terminal, shell and script have between them; against going round in circles. */
const GENERATIONS_MAX = 100;

/** This process's parent, its parent's parent and so on: whoever asked for what it does. */
export async function listAncestors(): Promise<ReadonlySet<number>> {
  const ancestors = new Set<number>();
  for (let pid = process.ppid; pid > 1 && ancestors.size < GENERATIONS_MAX && !ancestors.has(pid);) {
    ancestors.add(pid);
    pid = (await findProcess(pid))?.parentPid ?? 0;
  }
  return ancestors;
}

/** The program's name is asked for only of those that are in the folder. */
type Worker = { readonly pid: number; readonly cwd: string; readonly program: () => string };

function listByProc(): readonly Worker[] {
  const workers: Worker[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const cwd = readlinkSync(`/proc/${name}/cwd`);
      workers.push({ pid: Number(name), cwd, program: () => readProgram(name) });
    } catch {
      // Safe to ignore: it has just ended, is a zombie, or belongs to another user.
    }
  }
  return workers;
}

function readProgram(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    // Safe to ignore: it has just ended.
    return 'a program that has just ended';
  }
}

const LSOF_LIMITS = { timeoutMs: 20_000, stdoutBytesMax: 16 * 1024 * 1024 };

/** Written from lsof's manual, not verified: fields `p` pid, `c` program, `n` name, a line each. */
async function listByLsof(): Promise<readonly Worker[] | 'unknown'> {
  const PATH = process.env['PATH'] ?? '/usr/sbin:/usr/bin:/bin';
  const lsof = { file: 'lsof', args: ['-a', '-d', 'cwd', '-F', 'pcn'], cwd: '/', env: { PATH, LC_ALL: 'C' } };
  let lines: readonly string[];
  try {
    lines = (await runToEnd(lsof, LSOF_LIMITS)).stdout.toString('utf8').split('\n');
  } catch (error) {
    if (error instanceof PhasrError && error.code === 'program-missing') return 'unknown';
    throw error;
  }
  const workers: Worker[] = [];
  let [pid, program] = [0, ''];
  for (const line of lines) {
    if (line.startsWith('p')) pid = Number(line.slice(1));
    if (line.startsWith('c')) program = line.slice(1);
    const named = program;
    if (line.startsWith('n')) workers.push({ pid, program: () => named, cwd: line.slice(1) });
  }
  // It sees at least this very process; otherwise it saw nothing.
  return workers.some((worker) => worker.pid === process.pid) ? workers : 'unknown';
}
