/**
 * Notices what is changed outside a run's own place while no walls hold its agent back (ADR 0019): compares what is with what was before it began, every few seconds and at its end, leaves away
 * what Phasr has done itself, and records the rest as an escape.
 */

import { rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { PhasrError } from '../base/errors.ts';
import { compareFingerprints, type Difference } from '../git/compare-fingerprints.ts';
import {
  findTouched,
  findTouchedPackages,
  hasHardLinks,
  isUntouched,
  type Scene,
  takeFingerprint,
  type Watch,
} from '../git/fingerprint.ts';
import { findStat } from '../git/files.ts';
import { runGit } from '../git/git.ts';
import { findGitDir, listWorktreePaths } from '../git/worktree.ts';
import { findOccupants } from '../process/inside.ts';
import { type Belonging, findBelonging } from '../process/stop.ts';
import { withMutex } from '../store/mutex.ts';
import { runPaths, taskDirectory, userSettingsPath } from '../store/paths.ts';
import type { Confinement, ForeignChange, TaskEvent } from '../task/event.ts';
import type { TaskId } from '../task/names.ts';
import { CHANGES_MAX, isOpen, latestRun, type Task } from '../task/task.ts';
import {
  type Context,
  dirsOf,
  MAIN_WORKTREE_FACT,
  recordFacts,
  requireTask,
  taskClaim,
  userRepository,
} from './context.ts';
import { describeDifference, isFetched, ownerOf } from './differences.ts';
import { type Moment, readMoment, renderMoment } from './moment.ts';
import { notifyEscape } from './notify.ts';
import { realPath } from './sandbox.ts';
import { settingsIfValid } from './settings.ts';

export type Lookout = {
  /** Looks again when it is time to; starts no process while nothing was touched. */
  readonly look: () => Promise<void>;
  /** Looks at everything once more, and gives the fingerprint up unless something was found. For when nothing of the run lives any more. */
  readonly end: () => Promise<void>;
};

const NOTHING: Lookout = { look: () => Promise.resolve(), end: () => Promise.resolve() };

const LOOK_EVERY_MS = 3000;
/** What takes long is done more seldom, so that it costs no more than a twentieth of the time. */
const SHARE = 20;
/** A git command of the person's takes a lock for moments. */
const LOCK_PATIENCE_MS = 1500;
const LOCK_LOOKS_MAX = 4;

/** In the home, and run as the person by his shell, his git or his next login. */
const HOME_FILES = [
  '.gitconfig',
  '.config/git/config',
  '.config/git/attributes',
  '.bashrc',
  '.bash_profile',
  '.bash_login',
  '.profile',
  '.zshrc',
  '.zshenv',
  '.zprofile',
  '.config/fish/config.fish',
  '.ssh/config',
  '.ssh/authorized_keys',
  '.npmrc',
];

/**
 * Takes the fingerprint that a run is compared with, before its agent starts, and keeps it with the run. For who starts it. With `strict` walls, or when the person wants none, there is none. Files with another name, that walls do
 * not protect, count as no walls.
 */
export async function beginLookout(
  context: Context,
  task: Task,
  confinement: Confinement,
): Promise<{ readonly moment: Moment; readonly watch: Watch } | undefined> {
  const settings = await settingsIfValid(context);
  // A fresh worktree has no such files.
  const level = latestRun(task).run > 1 && hasHardLinks(task.worktreePath) ? 'off' : confinement.level;
  if (level === 'strict' || settings?.isolation.detection.value === 'off') return undefined;
  return withMutex(context.paths.mutex, context.clock, async () => {
    const records = recordsOf(context);
    const { print, watch } = await takeFingerprint(sceneOf(context, task, level), null);
    const moment = { print, level, ...records };
    // Lost in a power cut it is of no use: the run is lost with it.
    writeFileSync(fingerprintPath(context, task), renderMoment(moment), { mode: 0o600 });
    return { moment, watch };
  });
}

type Begun = {
  /** Undefined: somebody else has begun it, or nobody. */
  readonly begun: Awaited<ReturnType<typeof beginLookout>>;
  readonly belonging: Belonging;
};

/** Goes on with what {@link beginLookout} has begun, in this process or in one that has died. */
export function keepLookout(context: Context, task: Task, { begun, belonging }: Begun): Lookout {
  const kept = begun?.moment ?? readMoment(fingerprintPath(context, task));
  if (kept === undefined) return NOTHING;
  const { level } = kept;
  let last = kept;
  let watch = begun?.watch;
  let dueMs = context.clock.nowMs() + LOOK_EVERY_MS;
  const compare = async (isEnd: boolean): Promise<void> => {
    const differences = await withMutex(context.paths.mutex, context.clock, async () => {
      const scene = sceneOf(context, task, level);
      const records = recordsOf(context);
      const taken = await takePatiently(context, scene, { last, isEnd });
      const now = { print: taken.print, level, ...records };
      const isKnown = knownSince(context, task, { last, now });
      const all = [
        ...compareFingerprints(last.print, now.print),
        ...findTouched(scene.resting, last.atMs),
        ...(isEnd ? findTouchedPackages(now.print, kept.atMs) : []),
      ];
      const unknown = all.filter((one) => (isEnd || one.part !== 'lock') && !isKnown(one));
      const found = await withoutPacked(context, unknown);
      // Locks come and go: those of the end are compared with those of the beginning.
      const locks = [...last.print].filter(([key]) => key.startsWith('lock '));
      const others = [...now.print].filter(([key]) => !key.startsWith('lock '));
      last = { ...now, print: new Map([...others, ...locks]) };
      watch = taken.watch;
      return found;
    });
    if (differences.length === 0) return;
    await recordEscape(context, task, { differences, belonging });
    const { lastEvent, resting } = recordsOf(context);
    last = { ...last, lastEvent, resting };
  };
  return {
    look: async () => {
      const startMs = context.clock.nowMs();
      if (startMs < dueMs) return;
      const { resting } = sceneOf(context, task, level);
      const isQuiet =
        watch !== undefined && isUntouched(watch) && findTouched(resting, last.atMs).length === 0;
      if (!isQuiet) await quietly(() => compare(false));
      const nowMs = context.clock.nowMs();
      dueMs = nowMs + Math.max(LOOK_EVERY_MS, SHARE * (nowMs - startMs));
    },
    end: async () => {
      await compare(true).catch((error: unknown) => {
        if (!(error instanceof PhasrError)) throw error;
        const what = `could not be compared with what it was before: ${error.message}`;
        recordChanges(context, task.id, {
          run: latestRun(task).run,
          changes: [{ kind: 'folder', name: context.repository.commonDir, what }],
          by: null,
          isVictim: false,
          blocks: true,
        });
      });
      // It holds settings of the person's: nothing needs it any more.
      if ((requireTask(context, task.id).escape ?? null) === null)
        rmSync(fingerprintPath(context, task), { force: true });
    },
  };
}

/** Git removes loose objects that are in a pack as well, at any time. One git process, when there are any. */
async function withoutPacked(
  context: Context,
  differences: readonly Difference[],
): Promise<readonly Difference[]> {
  const gone = differences.find(({ part, name }) => part === 'objects' && name === '');
  if (gone === undefined) return differences;
  const oids = (gone.before ?? '').split(' ');
  const answer = await runGit(userRepository(context), ['cat-file', '--batch-check'], {
    stdin: oids.map((oid) => `${oid}\n`).join(''),
    ok: [0, 128],
  });
  const missing = answer.stdout
    .toString('latin1')
    .split('\n')
    .filter((line) => line.endsWith(' missing'));
  // Git that cannot answer has lost more than these.
  const lost = answer.exitCode === 0 ? missing.map((line) => line.split(' ')[0] ?? '') : oids;
  const others = differences.filter((one) => one !== gone);
  return lost.length === 0 ? others : [...others, { ...gone, before: lost.join(' ') }];
}

/** What cannot be looked at now is looked at the next time, and at the end by whoever looks at the files. */
async function quietly(work: () => Promise<void>): Promise<void> {
  await work().catch((error: unknown) => {
    if (!(error instanceof PhasrError)) throw error;
  });
}

type Taken = Awaited<ReturnType<typeof takeFingerprint>>;

/** At the end somebody's git may be in the middle of something: its lock goes by itself. */
async function takePatiently(
  context: Context,
  scene: Scene,
  { last, isEnd }: { readonly last: Moment; readonly isEnd: boolean },
): Promise<Taken> {
  for (let looks = 1; ; looks++) {
    const taken = await takeFingerprint(scene, last.print);
    const isLocked = compareFingerprints(last.print, taken.print).some(
      ({ part, before }) => part === 'lock' && before === null,
    );
    if (!isEnd || !isLocked || looks >= LOCK_LOOKS_MAX) return taken;
    await context.clock.sleep(LOCK_PATIENCE_MS / LOCK_LOOKS_MAX);
  }
}

function sceneOf(context: Context, task: Task, level: Confinement['level']): Scene {
  const home = context.env['HOME'] ?? homedir();
  const homeFiles = HOME_FILES.map((name) => join(home, name));
  const scratch = `${fingerprintPath(context, task)}.look`;
  const nothing = {
    ownEntry: null,
    worktrees: [],
    resting: [],
    folders: [],
    listed: null,
    scratch,
    inherited: context.env,
  };
  const files = [...homeFiles, userSettingsPath(context.env, home)];
  if (level !== 'off') return { ...nothing, commonDir: null, files };
  const { commonDir } = context.repository;
  const others = context.store.list('open').filter(({ id }) => id !== task.id);
  const ours = new Set(context.store.list('all').map(({ worktreePath }) => worktreePath));
  const worktrees = listWorktreePaths(commonDir, context.store.readFact(MAIN_WORKTREE_FACT))
    .filter((path) => !ours.has(path))
    .flatMap((path) => {
      const gitDir = findGitDir(path);
      return gitDir === undefined ? [] : [{ path: realPath(path), gitDir: realPath(gitDir) }];
    });
  const resting = others
    .filter(({ phase, directory }) => phase.kind === 'idle' && directory !== null)
    .toReversed()
    .map(({ id, worktreePath }) => ({ id: Number(id), path: worktreePath }));
  return {
    ...nothing,
    commonDir,
    ownEntry: dirsOf(context, task).registrationDir,
    worktrees,
    resting,
    folders: [
      context.paths.database,
      ...others.flatMap((other) => {
        const directory = taskDirectory(context.paths, other.id);
        return [join(directory, 'git'), join(directory, 'clean'), dirsOf(context, other).worktreePath];
      }),
    ],
    listed: dirname(task.worktreePath),
    files,
  };
}

function recordsOf({ store, clock }: Context): Omit<Moment, 'print' | 'level'> {
  const resting = store
    .list('open')
    .filter(({ id, phase }) => phase.kind === 'idle' && store.findClaim(taskClaim(id)) === undefined)
    .map(({ id, seq }) => [Number(id), seq] as const);
  return { lastEvent: store.lastEventId(), atMs: clock.nowMs(), resting: new Map(resting) };
}

/**
 * Tells whether a difference is Phasr's own doing: the task that it belongs to was not at rest all the time, or the records say who has moved the ref.
 */
function knownSince(
  context: Context,
  task: Task,
  { last, now }: { readonly last: Moment; readonly now: Moment },
): (difference: Difference) => boolean {
  const { commonDir } = context.repository;
  const roots = { commonDir, worktreesDir: dirname(task.worktreePath) };
  const ids = new Set(context.store.list('all').map(({ id }) => Number(id)));
  const events = eventsSince(context, last.lastEvent);
  const isWalled = now.level !== 'off';
  const settings = userSettingsPath(context.env, context.env['HOME'] ?? homedir());
  return (difference) => {
    const { part, name, before, after } = difference;
    // Walls keep the person's settings when they are there: then it was he.
    if (isWalled && before !== null && name === settings) return true;
    const owner = ownerOf(difference, roots);
    if (owner === 'phasr' || owner === Number(task.id)) return true;
    if (owner !== null) {
      const [was, is] = [last.resting.get(owner), now.resting.get(owner)];
      // What nobody has a record of is no task's.
      return ids.has(owner) && (was === undefined || was !== is);
    }
    if (part === 'ref')
      return isFetched(difference, commonDir) || events.some((event) => hasMoved(event, difference));
    // Git ignores it no longer; then it is among the others.
    if (part === 'ignored') return after === null && findStat(name) !== undefined;
    if (part !== 'path') return false;
    // Files that followed a move: what was uncommitted before and is so still has been merged with it.
    const hasFollowed = events.some(
      (event) => 'worktree' in event && event.worktree !== null && name.startsWith(`${event.worktree.path}/`),
    );
    return hasFollowed && before?.slice(0, 2) === after?.slice(0, 2);
  };
}

const EVENTS_MAX = 10_000;

function eventsSince({ store }: Context, id: number): readonly TaskEvent[] {
  return store.eventsAfter(id, EVENTS_MAX).map(({ event }) => event);
}

function hasMoved(event: TaskEvent, { name, after }: Difference): boolean {
  if (
    event.type === 'merge.started' ||
    event.type === 'unmerge.started' ||
    event.type === 'unmerge.completed'
  )
    return name === `refs/heads/${event.target}` && (after === event.candidate || after === event.expected);
  return event.type === 'refs.taken' && event.refs.some((ref) => ref.name === name && ref.after === after);
}

type Found = { readonly differences: readonly Difference[]; readonly belonging: Belonging };

async function recordEscape(context: Context, task: Task, { differences, belonging }: Found): Promise<void> {
  const { commonDir } = context.repository;
  const roots = { commonDir, worktreesDir: dirname(task.worktreePath) };
  const settings = await settingsIfValid(context);
  const blocks = settings?.isolation.detection.value !== 'show';
  const victims = new Map<number, ForeignChange[]>();
  const changes: ForeignChange[] = [];
  for (const difference of differences) {
    const change = describeDifference(difference, commonDir);
    const owner = ownerOf(difference, roots);
    changes.push(change);
    if (typeof owner === 'number') victims.set(owner, [...(victims.get(owner) ?? []), change]);
  }
  for (const { id, runs } of context.store.list('open')) {
    const found = victims.get(id);
    if (found === undefined) continue;
    recordChanges(context, id, { run: runs.length, changes: found, by: null, isVictim: true, blocks });
  }
  const by = await findCulprit(context, belonging);
  recordChanges(context, task.id, { run: latestRun(task).run, changes, by, isVictim: false, blocks });
  await notifyEscape(context, requireTask(context, task.id));
}

type Seen = Omit<TaskEvent & { readonly type: 'escape.seen' }, 'type' | 'more'>;

function recordChanges(context: Context, id: TaskId, seen: Seen): void {
  const { changes } = seen;
  const event = {
    type: 'escape.seen',
    ...seen,
    changes: changes.slice(0, CHANGES_MAX),
    more: Math.max(0, changes.length - CHANGES_MAX),
  } as const;
  recordFacts(context, id, (now) => (isOpen(now.phase) && isNews(now, changes) ? [event] : []));
}

/** A supervisor that goes on for a dead one sees again what that has recorded. */
function isNews({ escape = null }: Task, changes: readonly ForeignChange[]): boolean {
  const known = new Set(escape?.changes.map(({ kind, name, what }) => `${kind} ${name} ${what}`));
  return changes.some(({ kind, name, what }) => !known.has(`${kind} ${name} ${what}`));
}

/** A process of the run that is in one of the person's worktrees now, in words; null when none is seen. */
async function findCulprit(context: Context, belonging: Belonging): Promise<string | null> {
  const { commonDir } = context.repository;
  const own = new Set((await findBelonging(belonging)).map(({ pid }) => pid));
  const ours = new Set(context.store.list('all').map(({ worktreePath }) => worktreePath));
  for (const path of listWorktreePaths(commonDir, context.store.readFact(MAIN_WORKTREE_FACT))) {
    if (ours.has(path)) continue;
    const occupants = await findOccupants(realPath(path));
    const seen = occupants === 'unknown' ? undefined : occupants.find(({ pid }) => own.has(pid));
    if (seen !== undefined) return `its process ${seen.pid} (${seen.program}) was seen in ${path}`;
  }
  return null;
}

function fingerprintPath(context: Context, task: Task): string {
  return runPaths(context.paths, task.id, latestRun(task).run).fingerprint;
}
