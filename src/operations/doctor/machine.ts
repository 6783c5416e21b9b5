/** Checks of the machine: programs, Node, disks, what is there to confine agents with. */

import { accessSync, constants, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute } from 'node:path';
import type { Agent } from '../../agent/agent.ts';
import { PhasrError } from '../../base/errors.ts';
import type { Environment } from '../../base/environment.ts';
import { quoteWord } from '../../base/words.ts';
import { requireGitVersion } from '../../git/repository.ts';
import { findProgram } from '../../process/find.ts';
import { findSandbox } from '../../process/sandbox.ts';
import { runToEnd } from '../../process/spawn.ts';
import { describeSqlite } from '../../store/database.ts';
import { type Disk, inspectDisk } from '../../store/disk.ts';
import { userPaths } from '../../store/paths.ts';
import { attempt, type Finding, note, ok, problem } from './finding.ts';

export type Machine = {
  readonly directory: string;
  readonly env: Environment;
  /** Phasr's own and those of the settings. */
  readonly agents: readonly Agent[];
};

/** Everything that does not depend on a repository. Agents are asked for their versions; nothing else is started but git and bubblewrap. */
export async function examineMachine(
  machine: Machine,
  commonDir: string | null,
): Promise<readonly Finding[]> {
  const checks = await Promise.all([
    attempt('git', () => checkGit(machine)),
    attempt('node', checkNode),
    attempt('sqlite', checkSqlite),
    attempt('agents', () => checkAgents(machine)),
    attempt('sandbox', () => checkSandbox(machine)),
    attempt('PHASR_HOME', () => checkHome(machine)),
    attempt('disk', () => checkDisks(machine, commonDir)),
  ]);
  return checks.flat();
}

async function checkGit({ directory, env }: Machine): Promise<readonly Finding[]> {
  const version = await requireGitVersion(directory, env);
  return [ok('git', `${version} (${findProgram('git', env, directory) ?? 'git'})`)];
}

const NODE_MIN = { major: 20, minor: 19 } as const;

function checkNode(): readonly Finding[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNew = major > NODE_MIN.major || (major === NODE_MIN.major && minor >= NODE_MIN.minor);
  const message = `Node ${process.versions.node} (${process.execPath})`;
  const wanted = `Install Node ${NODE_MIN.major}.${NODE_MIN.minor} or newer, from nodejs.org or by your version manager.`;
  return [isNew ? ok('node', message) : problem('node', `${message} is too old`, wanted)];
}

function checkSqlite(): readonly Finding[] {
  try {
    return [ok('sqlite', describeSqlite())];
  } catch (error) {
    // Whatever keeps a native module from being loaded: another platform, a missing library, a broken installation.
    const [why = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    return [
      problem(
        'sqlite',
        `SQLite cannot be loaded: ${why}`,
        'npm install -g phasr   (again, on this very machine)',
      ),
    ];
  }
}

const PROBE_LIMITS = { timeoutMs: 10_000, stdoutBytesMax: 64 * 1024 };

/** The first line that a program prints, its error output included; undefined when it fails. */
async function ask(machine: Machine, file: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const end = await runToEnd({ file, args, cwd: '/', env: machine.env }, PROBE_LIMITS);
    const text = end.stdout.toString('utf8').trim() || end.stderrTail;
    return end.exitCode === 0 ? (text.split('\n')[0] ?? '') : undefined;
  } catch (error) {
    if (error instanceof PhasrError && error.code === 'program-missing') return undefined;
    throw error;
  }
}

async function checkAgents(machine: Machine): Promise<readonly Finding[]> {
  const here = machine.agents.filter(({ program }) => findProgram(program, machine.env, '/') !== undefined);
  const asked = await Promise.all(
    here.map(async (agent) => ({ ...agent, said: await ask(machine, agent.program, agent.versionArgs) })),
  );
  const working = asked.filter(({ said }) => said !== undefined);
  const broken = asked.filter(({ said }) => said === undefined);
  if (here.length === 0)
    return [note('agents', 'no known agent is in PATH; any other command works as well', 'phasr agents')];
  const names = working.map(
    ({ title, said }) => `${title} ${/\d+(?:\.\d+)+\S*/.exec(said ?? '')?.[0] ?? '(no version)'}`,
  );
  return [
    ...(names.length === 0 ? [] : [ok('agents', names.join(', '))]),
    ...broken.map(({ title, program, versionArgs }) =>
      note('agents', `${title} is there, but does not say its version`, [program, ...versionArgs].join(' ')),
    ),
  ];
}

async function checkSandbox(machine: Machine): Promise<readonly Finding[]> {
  const [light, strict] = [await findSandbox(machine.env, 'light'), await findSandbox(machine.env, 'strict')];
  if (light.kind === 'none') return [note('sandbox', `${light.why}; agents are not confined`, light.hint)];
  const version = (await ask(machine, light.program, ['--version'])) ?? 'bubblewrap';
  return [
    strict.kind === 'none'
      ? note('sandbox', `${version} works; for isolation.sandbox = "strict" ${strict.why}`, strict.hint)
      : ok('sandbox', `${version} works`),
  ];
}

function checkHome({ env }: Machine): readonly Finding[] {
  const { root } = userPaths(env, env['HOME'] ?? homedir());
  const isSet = (env['PHASR_HOME'] ?? '') !== '';
  const name = isSet ? `PHASR_HOME is ${root}` : `${root} (PHASR_HOME is not set)`;
  const choose = 'export PHASR_HOME="$HOME/.phasr"';
  if (!isAbsolute(root))
    return [problem('PHASR_HOME', `${name}, which means another folder in each directory`, choose)];
  const stat = statSync(root, { throwIfNoEntry: false });
  if (stat === undefined) return [ok('PHASR_HOME', `${name}; it is made at the first launch`)];
  if (!stat.isDirectory()) return [problem('PHASR_HOME', `${name}, which is no folder`, choose)];
  try {
    accessSync(root, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    // Safe to ignore: that it may not be written is the finding.
    return [problem('PHASR_HOME', `${name}, where you may not write`, `ls -ld ${quoteWord(root)}`)];
  }
  return [ok('PHASR_HOME', name)];
}

const GIB = 1024 ** 3;
/** A worktree is a whole checkout; below this the next one may not fit. */
const FREE_BYTES_PROBLEM = 0.5 * GIB;
const FREE_BYTES_NOTE = 5 * GIB;

function checkDisks({ env }: Machine, commonDir: string | null): readonly Finding[] {
  const home = inspectDisk(userPaths(env, env['HOME'] ?? homedir()).root);
  const repository = commonDir === null ? undefined : inspectDisk(commonDir);
  const others = repository === undefined || repository.device === home.device ? [] : [repository];
  return [
    ...describeDisk(home, 'worktrees', env),
    ...others.flatMap((disk) => describeDisk(disk, 'repository', env)),
  ];
}

function describeDisk(disk: Disk, what: string, env: Environment): readonly Finding[] {
  const { freeBytes, path, kind, isNetwork } = disk;
  const free = `${(freeBytes / GIB).toFixed(1)} GiB free for ${what} (${path})`;
  const room =
    freeBytes < FREE_BYTES_PROBLEM
      ? problem('disk', free, 'phasr list   (discard or merge what you do not need)')
      : freeBytes < FREE_BYTES_NOTE
        ? note('disk', free, 'phasr list   (discard or merge what you do not need)')
        : ok('disk', free);
  const facts = [
    kind ?? 'of unknown kind',
    disk.isCaseSensitive === null
      ? 'capitals: not known'
      : disk.isCaseSensitive
        ? 'tells capitals apart'
        : 'does not tell capitals apart',
    describeHoles(disk, env),
  ].join(', ');
  const message = `${what}: ${facts}`;
  const files = isNetwork
    ? note(
        'file system',
        `${message}; over a network locks may not hold`,
        what === 'worktrees' ? 'export PHASR_HOME=/a/local/folder' : 'Clone the repository to a local disk.',
      )
    : ok('file system', message);
  return [room, files];
}

/** Transcripts beyond their limit lose their middle as a hole, or their beginning where holes cannot be made. */
function describeHoles({ canPunchHoles }: Disk, env: Environment): string {
  if (canPunchHoles === null) return 'holes: not known';
  const canAsk = process.platform === 'linux' && findProgram('fallocate', env, '/') !== undefined;
  if (canPunchHoles && !canAsk) return 'holes: no (there is no fallocate program)';
  return canPunchHoles ? 'holes: yes' : 'holes: no';
}
