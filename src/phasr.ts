/** `openPhasr`: one repository, with every verb as a method. The only place that wires rooms together; it never prints and never exits. */

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { systemClock } from './base/clock.ts';
import { asStorageFailure, PhasrError } from './base/errors.ts';
import {
  findRepository,
  findTaskWorktree,
  findUnreadableRepository,
  type Repository,
} from './git/repository.ts';
import { agentsOf, findAgents, type FoundAgent } from './operations/agents.ts';
import type { CleanedWorktree, CleanupRequest } from './operations/cleanup-worktrees.ts';
import type { Context } from './operations/context.ts';
import type { Finding } from './operations/doctor/examine.ts';
import type { Repair } from './operations/doctor/repair-kinds.ts';
import type { Entered } from './operations/enter.ts';
import { requireTask } from './operations/context.ts';
import type { DiffOptions, TaskDiff } from './operations/diff.ts';
import type { DiscardOutcome } from './operations/discard.ts';
import type { Initialized, InitRequest } from './operations/init.ts';
import { readJobs } from './operations/jobs.ts';
import { countLeftBehind, listTasks, readLastOutput, type TaskView, viewTask } from './operations/inspect.ts';
import type { TaskDetails } from './operations/show.ts';
import type { Launched, LaunchRequest } from './operations/launch.ts';
import type { LogEntry, LogPiece, LogRequest } from './operations/logs.ts';
import type { MergeOutcome, MergeRequest } from './operations/merge.ts';
import type { SnapshotView } from './operations/history.ts';
import { listOperations, type Operation } from './operations/operation-log.ts';
import { recover, type Recovered } from './operations/recover.ts';
import type { RestoreOutcome } from './operations/restore.ts';
import type { RewindOutcome } from './operations/rewind.ts';
import type { EmptyOutcome, TrashItem } from './operations/trash.ts';
import type { UndoOutcome, UndoRequest } from './operations/undo.ts';
import type { ResumeOutcome, ResumeRequest } from './operations/resume.ts';
import { signalRun, type SignalRequest } from './operations/signal.ts';
import type { EventsRequest, LoggedEvent } from './operations/events.ts';
import { watchTasks } from './operations/watch.ts';
import type { Settings } from './operations/settings.ts';
import type { TaskFileSource, TaskFromFile } from './operations/task-file.ts';
import type { SnapshotOutcome } from './operations/snapshot.ts';
import type { Queue } from './operations/queue.ts';
import type { AcknowledgeOutcome } from './operations/acknowledge.ts';
import type { SyncOutcome, SyncRequest } from './operations/sync.ts';
import type { StopOutcome } from './operations/stop.ts';
import type { WaitOptions, WaitOutcome } from './operations/wait.ts';
import type { Environment } from './base/environment.ts';
import { repositoryPaths, userPaths } from './store/paths.ts';
import { loadSqlite } from './store/database.ts';
import { openPlaces, type Places } from './store/places.ts';
import { openTaskStore } from './store/task-store.ts';
import { asTaskId, type TaskId } from './task/names.ts';
import type { Task } from './task/task.ts';

export type OpenOptions = {
  /** Any directory of the repository, one of its worktrees, or a task's worktree. */
  readonly directory: string;
  /** The environment for git and for agents; `process.env` when left out. */
  readonly env?: Environment;
};

/**
 * One repository's tasks. Verbs that a task's state does not admit answer with a refusal; failures throw {@link PhasrError}.
 * Nothing is kept running by it: close it when done.
 */
export type Phasr = {
  readonly repository: Repository;
  /** The task in whose worktree `directory` is, if it is in one. */
  readonly currentTask: TaskId | null;
  readonly launch: (request: LaunchRequest) => Promise<Launched>;
  readonly list: (which: 'all' | 'open') => Promise<readonly TaskView[]>;
  readonly find: (id: TaskId) => Task;
  readonly view: (task: Task) => Promise<TaskView>;
  readonly show: (id: TaskId) => Promise<TaskDetails>;
  readonly diff: (id: TaskId, options: DiffOptions) => Promise<TaskDiff>;
  readonly logs: (id: TaskId, request: LogRequest) => AsyncGenerator<LogPiece>;
  /** As {@link Phasr.logs}, as what the agent's stream says. */
  readonly logEntries: (id: TaskId, request: LogRequest) => AsyncGenerator<LogEntry>;
  readonly lastOutput: (task: Task) => string;
  /** Why tasks run without the sandbox that they were to have; null when they have it, and when this was said before. */
  readonly tellMissingSandbox: (ids: readonly TaskId[]) => Promise<string | null>;
  readonly wait: (ids: readonly TaskId[], options: WaitOptions) => Promise<WaitOutcome>;
  readonly stop: (id: TaskId) => Promise<StopOutcome>;
  readonly resume: (id: TaskId, request: ResumeRequest) => Promise<ResumeOutcome>;
  readonly merge: (id: TaskId, request: MergeRequest) => Promise<MergeOutcome>;
  /** Speaks for the run that this process belongs to; throws `not-in-a-run` elsewhere. */
  readonly signal: (request: SignalRequest) => Task;
  /** The recorded events of all tasks, from the beginning or after one, and on as they come. */
  readonly events: (request: EventsRequest) => AsyncGenerator<LoggedEvent>;
  /** Says that the person is watching these tasks, so that he is not notified of them; gives how to take it back. */
  readonly watching: (ids: readonly TaskId[]) => Promise<() => void>;
  /** Brings over what an agent has made in git: its branch, and by name what else; or gives the task the user's newer refs. */
  readonly sync: (id: TaskId, request: SyncRequest) => Promise<SyncOutcome>;
  /** A person has looked at what was changed outside a task's own place while it ran: it may be merged again. */
  readonly acknowledge: (id: TaskId) => Promise<AcknowledgeOutcome>;
  readonly discard: (id: TaskId) => Promise<DiscardOutcome>;
  /** Brings a discarded or merged task back. */
  readonly restore: (id: TaskId) => Promise<RestoreOutcome>;
  /** What is kept of discarded and merged tasks, the latest first. */
  readonly trash: () => Promise<readonly TrashItem[]>;
  /** Gives up what is kept of a task, for good. */
  readonly emptyTrash: (id: TaskId) => Promise<EmptyOutcome>;
  /** What has moved a ref or removed something, oldest first. */
  readonly operations: () => readonly Operation[];
  /** Reverses one operation, if nothing was built on top of it. */
  readonly undo: (request: UndoRequest) => Promise<UndoOutcome>;
  /** Keeps a task's present state in a snapshot, unless nothing has changed. */
  readonly snapshot: (id: TaskId) => Promise<SnapshotOutcome>;
  /** A task's snapshots, oldest first, each with what changed to the next. */
  readonly snapshots: (id: TaskId) => Promise<readonly SnapshotView[]>;
  /** Puts a task's worktree back to one of its snapshots. */
  readonly rewind: (id: TaskId, snapshot: number) => Promise<RewindOutcome>;
  /** Sorts every worktree; unless it is a dry run, removes those of tasks that hold nothing which is not elsewhere and that nobody uses. */
  readonly cleanup: (request: CleanupRequest) => Promise<readonly CleanedWorktree[]>;
  /** The task's worktree, for programs of the person's own. */
  readonly enter: (id: TaskId) => Promise<Entered>;
  /** Uncommitted files in the person's own worktree, which no task gets. */
  readonly countLeftBehind: () => Promise<number>;
  /** Feeds the person's pager on his terminal; false when he wants none. `pager` is the shell line that starts it. */
  readonly page: (feed: (input: Writable, pager: string) => Promise<void>) => Promise<boolean>;
  /** Who runs and who waits, over all repositories and terminals of the user. */
  readonly queue: () => Promise<Queue>;
  /** Starts nothing more until the queue is resumed; what runs goes on. */
  readonly pauseQueue: () => Promise<void>;
  /** False when it was not paused. */
  readonly resumeQueue: () => Promise<boolean>;
  /** How many runs may go on at once, for all terminals of the user. */
  readonly jobs: () => number;
  /** What holds here, from the files as they are now. */
  readonly settings: () => Promise<Settings>;
  /** Writes a first `phasr.toml` at the top of the worktree. */
  readonly init: (request: InitRequest) => Promise<Initialized>;
  /** Takes up what dead processes left; done once by {@link openPhasr}. */
  readonly recover: () => Promise<readonly Recovered[]>;
  readonly close: () => void;
};

/** Opens the repository that a directory belongs to and takes up what dead processes left there. Throws `not-a-repository` and the like. */
export async function openPhasr(options: OpenOptions): Promise<Phasr> {
  const { context, close } = await openContext(options);
  const phasr = verbsOf(context, close);
  await phasr.recover().catch((error: unknown) => {
    // Looking is possible where nothing can be written; whoever must write fails by name, and the next command recovers.
    const failure = asStorageFailure(error);
    if (!(failure instanceof PhasrError) || failure.code !== 'storage-failed') throw error;
  });
  return phasr;
}

export { PERMISSIONS } from './operations/agent-choice.ts';
export { findTerminal } from './operations/watch.ts';

/** Phasr's agents and those of the settings at a directory, and where this machine has them. Throws `settings-invalid`. */
export async function listAgents(options: OpenOptions): Promise<readonly FoundAgent[]> {
  return findAgents(options.env ?? definedVariables(process.env), agentsOf(await readSettings(options)));
}

export { chooseEditor } from './operations/editor.ts';
export { findEditors, glimpse } from './operations/peek.ts';
/** What keeps a directory from being in a repository: no git program, or no repository; undefined when it is in one. */
export async function findMissingRepository({
  directory,
  env = definedVariables(process.env),
}: OpenOptions): Promise<'no git' | 'no repository' | undefined> {
  try {
    await findRepository(directory, env);
    return undefined;
  } catch (error) {
    if (!(error instanceof PhasrError)) throw error;
    if (error.code === 'git-missing') return 'no git';
    return error.code === 'not-a-repository' ? 'no repository' : undefined;
  }
}

/** The settings in force at a directory, in a repository or not. Throws `settings-invalid`. */
export async function readSettings({
  directory,
  env = definedVariables(process.env),
}: OpenOptions): Promise<Settings> {
  const { scopeOf, settingsIn } = await import('./operations/settings.ts');
  const repository = await findRepositoryIfAny(directory, env);
  if (repository === undefined) return settingsIn({ env, directory, worktreeRoot: null });
  return settingsIn(scopeOf({ env, repository, currentTask: taskOf(repository) }));
}

/** The tasks of a file for `launch`. Throws `task-file-invalid` with every mistake and its place. */
export async function readTaskFile(source: TaskFileSource): Promise<readonly TaskFromFile[]> {
  return (await import('./operations/task-file.ts')).readTaskFile(source);
}

/** Writes the user's first settings file. Throws `settings-exist`. */
export async function initUserSettings(
  { directory, env = definedVariables(process.env) }: OpenOptions,
  request: InitRequest,
): Promise<Initialized> {
  const init = await import('./operations/init.ts');
  return init.initUserSettings({ env, directory, worktreeRoot: null }, request);
}

/** Looks at the machine, and at the repository if `directory` is in one; repairs and writes nothing. */
export async function examine({
  directory,
  env = definedVariables(process.env),
}: OpenOptions): Promise<readonly Finding[]> {
  const { examine: examineBoth } = await import('./operations/doctor/examine.ts');
  return examineBoth(directory, env);
}

/**
 * Repairs what can be repaired in the repository that `directory` is in, or says with `isDryRun` what would be done. What is in the way is put aside,
 * never deleted. Throws `not-a-repository` and the like.
 */
export async function repair(
  { directory, env = definedVariables(process.env) }: OpenOptions,
  { isDryRun }: { readonly isDryRun: boolean },
): Promise<readonly Repair[]> {
  const first = await repairUnreadable({ directory, env }, isDryRun);
  if (first.some(({ outcome }) => outcome !== 'done')) return first;
  const { context, close } = await openContext({ directory, env });
  const { repairAll } = await import('./operations/doctor/repair.ts');
  return [...first, ...(await repairAll(context, isDryRun).finally(close))];
}

/** What git must be able to open comes before everything that is asked of git. */
async function repairUnreadable(
  { directory, env }: Required<OpenOptions>,
  isDryRun: boolean,
): Promise<readonly Repair[]> {
  try {
    await findRepository(directory, env);
    return [];
  } catch (error) {
    const found = findUnreadableRepository(directory);
    if (!(error instanceof PhasrError) || error.code !== 'repository-unreadable' || found === undefined)
      throw error;
    return (await import('./operations/doctor/repair-settings.ts')).repairSettings(found, isDryRun);
  }
}

/** The body of a supervisor process: carries a task's run to its end. */
export async function supervise(commonDir: string, taskId: number): Promise<void> {
  const { context, close } = contextOf(repositoryAt(commonDir), {
    env: definedVariables(process.env),
    currentTask: null,
  });
  const { superviseTask } = await import('./operations/supervise.ts');
  await superviseTask(context, asTaskId(taskId)).finally(close);
}

/** The body of a sweeper process: empties the trash of a repository. */
export async function sweep(commonDir: string): Promise<void> {
  const { context, close } = contextOf(repositoryAt(commonDir), {
    env: definedVariables(process.env),
    currentTask: null,
  });
  const { sweepTrash } = await import('./operations/sweep.ts');
  await sweepTrash(context).finally(close);
}

/** Each verb's code is loaded when it is called: most calls need one. */
function verbsOf(context: Context, close: () => void): Phasr {
  return {
    repository: context.repository,
    currentTask: context.currentTask,
    launch: async (request) => (await import('./operations/launch.ts')).launchTasks(context, request),
    list: (which) => listTasks(context, which),
    find: (id) => requireTask(context, id),
    view: (task) => viewTask(context, task),
    show: async (id) => (await import('./operations/show.ts')).showTask(context, id),
    diff: async (id, options) => (await import('./operations/diff.ts')).diffTask(context, id, options),
    logs: async function* (id, request) {
      const { readLogs } = await import('./operations/logs.ts');
      yield* readLogs(context, id, request);
    },
    logEntries: async function* (id, request) {
      const { readLogEntries } = await import('./operations/logs.ts');
      yield* readLogEntries(context, id, request);
    },
    lastOutput: (task) => readLastOutput(context, task),
    tellMissingSandbox: async (ids) =>
      (await import('./operations/sandbox.ts')).tellMissingSandbox(context, ids),
    wait: async (ids, options) => (await import('./operations/wait.ts')).waitForTasks(context, ids, options),
    stop: async (id) => (await import('./operations/stop.ts')).stopTask(context, id),
    resume: async (id, request) => (await import('./operations/resume.ts')).resumeTask(context, id, request),
    merge: async (id, request) => (await import('./operations/merge.ts')).mergeTask(context, id, request),
    acknowledge: async (id) => (await import('./operations/acknowledge.ts')).acknowledgeEscape(context, id),
    sync: async (id, request) => (await import('./operations/sync.ts')).syncNow(context, id, request),
    discard: async (id) => (await import('./operations/discard.ts')).discardTask(context, id),
    restore: async (id) => (await import('./operations/restore.ts')).restoreTask(context, id),
    trash: async () => (await import('./operations/trash.ts')).listTrash(context),
    emptyTrash: async (id) => (await import('./operations/trash.ts')).emptyTrash(context, id, 'person'),
    operations: () => listOperations(context),
    undo: async (request) => (await import('./operations/undo.ts')).undoOperation(context, request),
    snapshot: async (id) => (await import('./operations/snapshot.ts')).snapshotNow(context, id),
    snapshots: async (id) => (await import('./operations/history.ts')).listSnapshots(context, id),
    rewind: async (id, snapshot) =>
      (await import('./operations/rewind.ts')).rewindTask(context, id, snapshot),
    cleanup: async (request) =>
      (await import('./operations/cleanup-worktrees.ts')).cleanUpWorktrees(context, request),
    signal: (request) => signalRun(context, request),
    events: async function* (request) {
      const { readEvents } = await import('./operations/events.ts');
      yield* readEvents(context, request);
    },
    watching: (tasks) => watchTasks(context, tasks),
    enter: async (id) => (await import('./operations/enter.ts')).enterTask(context, id),
    countLeftBehind: () => countLeftBehind(context),
    page: async (feed) => (await import('./operations/page.ts')).pageOutput(context, feed),
    queue: async () => (await import('./operations/queue.ts')).showQueue(context),
    pauseQueue: async () => (await import('./operations/queue.ts')).pauseQueue(context),
    resumeQueue: async () => (await import('./operations/queue.ts')).resumeQueue(context),
    jobs: () => readJobs(context),
    settings: async () => (await import('./operations/settings.ts')).settingsHere(context),
    init: async (request) => (await import('./operations/init.ts')).initRepositorySettings(context, request),
    recover: () => recover(context),
    close,
  };
}

type Opened = { readonly context: Context; readonly close: () => void };

async function openContext({ directory, env = definedVariables(process.env) }: OpenOptions): Promise<Opened> {
  const finding = findRepository(directory, env);
  // Loaded while git is answering: nearly every call needs it.
  loadSqlite();
  const found = await finding;
  const inside = findTaskWorktree(found);
  // Launching from inside a task is refused by its git dir; everything else means the repository behind it.
  const repository = inside === undefined ? found : { ...found, commonDir: inside.commonDir };
  return contextOf(repository, { env, currentTask: inside === undefined ? null : asTaskId(inside.taskId) });
}

async function findRepositoryIfAny(directory: string, env: Environment): Promise<Repository | undefined> {
  try {
    return await findRepository(directory, env);
  } catch (error) {
    if (error instanceof PhasrError && error.code === 'not-a-repository') return undefined;
    throw error;
  }
}

function taskOf(repository: Repository): TaskId | null {
  const inside = findTaskWorktree(repository);
  return inside === undefined ? null : asTaskId(inside.taskId);
}

/** A background process knows its repository from whoever started it and asks git nothing. */
function repositoryAt(commonDir: string): Repository {
  return { commonDir, gitDir: commonDir, worktreeRoot: null, startDirectory: commonDir };
}

type Surroundings = Pick<Context, 'env' | 'currentTask'>;

function contextOf(repository: Repository, { env, currentTask }: Surroundings): Opened {
  const paths = repositoryPaths(repository.commonDir);
  const user = userPaths(env, env['HOME'] ?? homedir());
  const store = openTaskStore(paths.database);
  let places: Places | undefined;
  const context: Context = {
    repository,
    currentTask,
    paths,
    user,
    store,
    places: () => (places ??= openPlaces(user.places)),
    clock: systemClock,
    env,
    helper: [process.execPath, helperPath()],
  };
  const close = (): void => {
    store.close();
    places?.close();
  };
  return { context, close };
}

/** The built program for helper processes: beside this file when built, in `dist` when run from source. */
function helperPath(): string {
  const beside = fileURLToPath(new URL('./helper.cjs', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../dist/helper.cjs', import.meta.url));
}

function definedVariables(env: NodeJS.ProcessEnv): Environment {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
