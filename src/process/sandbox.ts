/**
 * Walls around a program (ADR 0018): the kernel refuses what it must not write, hides all other processes from it, and ends whatever it leaves running.
 * Put up by bubblewrap, where that works. What is behind which wall is the caller's business.
 */

import { existsSync, readFileSync, type Stats, statSync } from 'node:fs';
import type { Environment } from '../base/environment.ts';
import { PhasrError } from '../base/errors.ts';
import { findProgram } from './find.ts';
import { runToEnd } from './spawn.ts';

/** Paths are absolute and free of links. Later lists go before earlier ones, below the same folder. */
export type Walls = {
  /** `light`: all else is as it is. `strict`: all else is read-only, `/tmp` and `/run` are empty and the walls' own. */
  readonly level: 'light' | 'strict';
  readonly hasNetwork: boolean;
  /** Not changed, with all that is below; what is not there is left out. */
  readonly readOnly: readonly string[];
  /** An empty folder, or an empty file, in the place of what is there. Of this list and the one before, what lies below another one goes before it. */
  readonly hidden: readonly string[];
  /** Changed all the same. What is not there is left out. */
  readonly writable: readonly string[];
  /** Not changed even so: single files. */
  readonly fixed: readonly string[];
  /** Shown at another place, not changed. */
  readonly shown: readonly (readonly [from: string, to: string])[];
};

/** What puts walls up here: a program; or why nothing does, and what a person can do about it. */
export type FoundSandbox =
  | { readonly kind: 'bubblewrap'; readonly program: string }
  | { readonly kind: 'none'; readonly why: string; readonly hint: string };

/** capabilities(7): with any of these root undoes a mount, or reaches past it. */
const CAPABILITIES_DROPPED = [
  'CAP_SYS_ADMIN',
  'CAP_SYS_PTRACE',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_BOOT',
  'CAP_MKNOD',
  'CAP_DAC_READ_SEARCH',
];

/** Where systemd keeps the file that `/etc/resolv.conf` leads to. */
const RESOLVER = '/run/systemd/resolve';

/** The program and arguments that run a command behind walls, in the working directory of whoever starts it. */
export function wallIn(
  { program }: FoundSandbox & { readonly kind: 'bubblewrap' },
  walls: Walls,
  command: readonly string[],
): readonly string[] {
  return [program, ...renderWalls(walls), '--', ...command];
}

const SIGNALS = 'HUP,INT,QUIT,TERM';

/** A program that gets its default signal actions back (coreutils 8.31 or newer); `sh` because env would take `A=b` for no program. */
const LISTENING = ['env', `--default-signal=${SIGNALS}`, 'sh', '-c', 'exec "$@"', 'phasr-exec'];

/**
 * As {@link wallIn}, for a command on a person's terminal: the walls take no notice of the signals that its keys send to all, so that the command alone decides
 * what they do. `filterAt`: the descriptor from which the kernel's filter is to be read; null for none.
 */
export function wallInForeground(
  { program }: FoundSandbox & { readonly kind: 'bubblewrap' },
  walls: Walls,
  { command, filterAt }: { readonly command: readonly string[]; readonly filterAt: number | null },
): readonly string[] {
  const deaf = ['/bin/sh', '-c', 'trap "" HUP INT QUIT TERM; exec "$@"', 'phasr-exec'];
  const filter = filterAt === null ? [] : ['--seccomp', String(filterAt)];
  return [...deaf, program, ...filter, ...renderWalls(walls), '--', ...LISTENING, ...command];
}

function renderWalls(walls: Walls): readonly string[] {
  const { level, hasNetwork, readOnly, hidden, writable, fixed, shown } = walls;
  const isRoot = process.getuid?.() === 0;
  const closed = [
    ...readOnly.map((path) => ({ path, args: ['--ro-bind-try', path, path] })),
    ...hidden.map((path) => ({ path, args: hide(path) })),
  ].toSorted((one, other) => one.path.length - other.path.length);
  return [
    ...(level === 'strict'
      ? // A socket can be talked to through a read-only wall: those of the machine's services are not there.
        ['--ro-bind', '/', '/', '--dev', '/dev', '--tmpfs', '/tmp', '--tmpfs', '/run', '--unshare-ipc']
      : ['--dev-bind', '/', '/']),
    ...(level === 'strict' && hasNetwork ? ['--ro-bind-try', RESOLVER, RESOLVER] : []),
    '--proc',
    '/proc',
    '--unshare-pid',
    '--die-with-parent',
    ...(hasNetwork ? [] : ['--unshare-net']),
    ...(isRoot ? CAPABILITIES_DROPPED.flatMap((name) => ['--cap-drop', name]) : []),
    ...closed.flatMap(({ args }) => args),
    ...writable.flatMap((path) => ['--bind-try', path, path]),
    ...fixed.flatMap((path) => ['--ro-bind-try', path, path]),
    ...shown.flatMap(([from, to]) => ['--ro-bind', from, to]),
  ];
}

function hide(path: string): readonly string[] {
  let stat: Stats | undefined;
  try {
    stat = statSync(path, { throwIfNoEntry: false });
  } catch {
    // Safe to ignore: what may not be looked at, the agent does not see either.
  }
  if (stat === undefined) return [];
  return stat.isDirectory() ? ['--tmpfs', path] : ['--ro-bind', '/dev/null', path];
}

const PROBE_LIMITS = { timeoutMs: 10_000, stdoutBytesMax: 64 * 1024 };

/** Tries walls of a level, for a foreground command those. Starts one program; on anything but Linux none. */
export async function findSandbox(
  env: Environment,
  level: Walls['level'],
  runsIn: 'background' | 'foreground' = 'background',
): Promise<FoundSandbox> {
  if (process.platform !== 'linux') {
    const hint = 'Agents there are kept apart by their worktrees and private git dirs.';
    return { kind: 'none', why: `no sandbox is known for ${process.platform}`, hint };
  }
  const program = findProgram('bwrap', env, '/');
  if (program === undefined) {
    const hint = "sudo apt-get install bubblewrap   (or your system's own way)";
    return { kind: 'none', why: 'bubblewrap is not installed', hint };
  }
  const walls = {
    level,
    hasNetwork: level === 'light',
    readOnly: ['/usr'],
    hidden: [],
    writable: [],
    fixed: [],
    shown: [],
  };
  const sandbox = { kind: 'bubblewrap', program } as const;
  const [file = program, ...args] =
    runsIn === 'foreground'
      ? wallInForeground(sandbox, walls, { command: ['true'], filterAt: null })
      : wallIn(sandbox, walls, ['true']);
  try {
    const { exitCode } = await runToEnd({ file, args, cwd: '/', env }, PROBE_LIMITS);
    if (exitCode === 0) return sandbox;
  } catch (error) {
    if (!(error instanceof PhasrError)) throw error;
  }
  return { kind: 'none', ...whatForbids([file, ...args]) };
}

/** Kernel settings that close user namespaces, and how they are opened. */
const FORBIDDING = [
  [
    '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
    '1',
    'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0   (or an AppArmor profile for bwrap)',
  ],
  ['/proc/sys/kernel/unprivileged_userns_clone', '0', 'sudo sysctl kernel.unprivileged_userns_clone=1'],
  ['/proc/sys/user/max_user_namespaces', '0', 'sudo sysctl user.max_user_namespaces=10000'],
] as const;

function whatForbids(probe: readonly string[]): { readonly why: string; readonly hint: string } {
  const found = FORBIDDING.find(
    ([path, value]) => existsSync(path) && readFileSync(path, 'utf8').trim() === value,
  );
  if (found !== undefined) {
    const setting = found[0].slice('/proc/sys/'.length).replaceAll('/', '.');
    return { why: `bubblewrap may not make namespaces (${setting} is ${found[1]})`, hint: found[2] };
  }
  return {
    why: 'bubblewrap may not make namespaces here',
    hint: `${probe.join(' ')}   (says why; inside a container its host forbids them)`,
  };
}
