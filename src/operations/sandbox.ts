/** What a task's agent may change, as walls: its own worktree and private git dir, and nothing of the repository, its person's worktrees and other tasks. */

import { realpathSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { PhasrError } from '../base/errors.ts';
import { uniqueName } from '../base/unique.ts';
import { listWorktreePaths } from '../git/worktree.ts';
import { findSandbox, type FoundSandbox, type Walls, wallIn, wallInForeground } from '../process/sandbox.ts';
import { terminalFilter } from '../process/terminal-filter.ts';
import { userSettingsPath } from '../store/paths.ts';
import type { Confinement } from '../task/event.ts';
import type { TaskId } from '../task/names.ts';
import { latestRun, type Task } from '../task/task.ts';
import { type Context, dirsOf, MAIN_WORKTREE_FACT } from './context.ts';
import { type Settings, settingsHere } from './settings.ts';

/** A command as it is to be started, and what was put around it. */
export type Confined = {
  readonly command: readonly string[];
  readonly confinement: Confinement;
  /** What the command is to find at descriptor {@link FILTER_AT}; null: nothing. */
  readonly filter: Buffer | null;
};

/** The first one that is not a standard one. */
const FILTER_AT = 3;

type ToConfine = {
  readonly command: readonly string[];
  readonly reports: readonly string[];
  /** `foreground`: it has a person's terminal. */
  readonly runsIn: 'background' | 'foreground';
};

/** Goes before the settings, for one shell. */
const VARIABLE = 'PHASR_SANDBOX';

/**
 * Puts a command of a task behind the walls that the settings ask for. `reports`: files outside that it may write all the same. Where there is no sandbox it stays as it
 * is, which the confinement says; with `strict` that throws `refused`.
 */
export async function confine(
  context: Context,
  task: Task,
  { command, reports, runsIn }: ToConfine,
): Promise<Confined> {
  const { isolation } = await settingsHere(context);
  const wanted = readLevel(context.env[VARIABLE] ?? '') ?? isolation.sandbox.value;
  if (wanted === 'off') return { command, confinement: { level: 'off', why: null }, filter: null };
  const level = wanted === 'strict' ? 'strict' : 'light';
  const sandbox = await findSandbox(context.env, level, runsIn);
  if (sandbox.kind === 'none') return withoutWalls(wanted, command, sandbox);
  const { walls, open } = planWalls(context, task, { level, isolation, reports });
  const filter = runsIn === 'foreground' ? terminalFilter() : null;
  const wall = (here: Walls, walled: readonly string[]): readonly string[] =>
    runsIn === 'foreground'
      ? wallInForeground(sandbox, here, { command: walled, filterAt: filter === null ? null : FILTER_AT })
      : wallIn(sandbox, here, walled);
  const hosts = isolation.network.value;
  const confinement = { level, why: open } as const;
  if (level === 'light' || typeof hosts === 'boolean')
    return { command: wall(walls, command), confinement, filter };
  const { outside, shown, behind } = planGateway(context, hosts);
  const given = filter === null ? [] : ['filter'];
  const inner = wall({ ...walls, shown }, [...behind, ...command]);
  return { command: [...outside, ...given, '--', ...inner], confinement, filter: null };
}

/** What stands before the walls, and behind them before the command, so that it reaches some hosts. */
function planGateway(
  { helper }: Context,
  hosts: readonly string[],
): {
  readonly outside: readonly string[];
  readonly shown: Walls['shown'];
  readonly behind: readonly string[];
} {
  const [node, ...args] = helper;
  const program = join(dirname(args.at(-1) ?? ''), 'gateway.cjs');
  // A socket's path has 107 bytes at most (unix(7)).
  const folder = join(tmpdir(), `phasr-${uniqueName()}`);
  const inside = '/run/phasr';
  return {
    outside: [node, program, 'serve', join(folder, 's'), JSON.stringify(hosts)],
    shown: [
      [program, `${inside}/gateway.cjs`],
      [folder, `${inside}/out`],
    ],
    behind: [node, `${inside}/gateway.cjs`, 'bridge', `${inside}/out/s`, '--'],
  };
}

/** By which reason the person was told that there is no sandbox. */
const TOLD_FACT = 'told of no sandbox';

/** Why the latest runs of some tasks have no sandbox although they were to have one. Null when they have, and when the person was told before: he is told once. */
export function tellMissingSandbox({ store }: Context, ids: readonly TaskId[]): string | null {
  for (const id of ids) {
    const task = store.find(id);
    const confinement = task === undefined ? undefined : latestRun(task).confinement;
    if (confinement?.level !== 'off' || confinement.why === null) continue;
    if (store.readFact(TOLD_FACT) === confinement.why) return null;
    store.writeFact(TOLD_FACT, confinement.why);
    return confinement.why;
  }
  return null;
}

function readLevel(word: string): Settings['isolation']['sandbox']['value'] | undefined {
  if (word === '') return undefined;
  if (word === 'auto' || word === 'off' || word === 'strict') return word;
  throw new PhasrError('settings-invalid', `${VARIABLE} takes auto, off or strict, not "${word}"`, {
    hint: `unset ${VARIABLE}`,
  });
}

function withoutWalls(
  wanted: 'auto' | 'strict',
  command: readonly string[],
  { why, hint }: FoundSandbox & { readonly kind: 'none' },
): Confined {
  if (wanted === 'strict') throw new PhasrError('refused', `there is no strict sandbox: ${why}`, { hint });
  return { command, confinement: { level: 'off', why }, filter: null };
}

/** Where programs keep what opens other machines and accounts, by their manuals. Not the logins of agents: they need them. */
const KEYS_AND_PASSWORDS = [
  '~/.ssh',
  '~/.gnupg',
  '~/.aws',
  '~/.azure',
  '~/.config/gcloud',
  '~/.kube',
  '~/.docker',
  '~/.netrc',
  '~/.git-credentials',
  '~/.config/git/credentials',
  '~/.config/gh',
  '~/.pypirc',
  '~/.pgpass',
  '~/.password-store',
  '~/.local/share/keyrings',
  '~/.mozilla',
  '~/.config/google-chrome',
  '~/.config/chromium',
];

type Plan = {
  readonly level: Walls['level'];
  readonly isolation: Settings['isolation'];
  readonly reports: readonly string[];
};

function planWalls(
  context: Context,
  task: Task,
  { level, isolation, reports }: Plan,
): { readonly walls: Walls; readonly open: string | null } {
  const { commonDir } = context.repository;
  const { worktreePath, privateDir } = dirsOf(context, task);
  const home = realPath(context.env['HOME'] ?? homedir());
  const seen = context.store.readFact(MAIN_WORKTREE_FACT);
  const worktrees = listWorktreePaths(commonDir, seen)
    .map(realPath)
    .filter((path) => path !== realPath(worktreePath));
  // A home in there must stay usable; the git dir is named for itself.
  const open = level === 'strict' ? [] : worktrees.filter((path) => isInside(home, path));
  const closed = worktrees.filter((path) => !open.includes(path));
  const isStrict = level === 'strict';
  const named = (paths: readonly string[]): readonly string[] =>
    paths.map((path) => realPath(resolve(home, path.replace(/^~(?=\/|$)/, home))));
  return {
    walls: {
      level,
      hasNetwork: !isStrict || isolation.network.value === true,
      readOnly: [
        ...(isStrict ? [home] : []),
        ...closed,
        realPath(commonDir),
        realPath(context.user.root),
        realPath(ownSettings(context, home)),
      ],
      hidden: named(isolation.hide.value ?? (isStrict ? KEYS_AND_PASSWORDS : [])),
      writable: [...(isStrict ? named(isolation.write.value) : []), worktreePath, privateDir, ...reports],
      fixed: [join(worktreePath, '.git')],
      shown: [],
    },
    open: open.length === 0 ? null : `your home lies in ${open.join(', ')}, which is not protected`,
  };
}

/** The person's own settings name programs that Phasr starts, and take walls away. Their folder, so that none can be made there, when it is Phasr's alone. */
function ownSettings({ env, repository }: Context, home: string): string {
  const path = resolve(repository.startDirectory, userSettingsPath(env, home));
  return basename(dirname(path)) === 'phasr' ? dirname(path) : path;
}

/** A link leads to what is protected, so that is what is named; what is not there is left as it is. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Safe to ignore: what is not there, or has just gone, leads nowhere.
    return path;
  }
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}
