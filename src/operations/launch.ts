/** Launches tasks: decides everything while the person looks, writes the intent down, and puts the runs into the line. */

import { existsSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { ARGUMENT_BYTES_MAX, commandWithPrompt, MARKER_NAME, takesPromptArgument } from '../agent/command.ts';
import type { Environment } from '../base/environment.ts';
import { PhasrError } from '../base/errors.ts';
import { branchRef, type Oid } from '../base/oid.ts';
import { renderVisible } from '../base/text.ts';
import { type Captured, captureUncommitted, type Carried } from '../git/carry.ts';
import { requireIdentity } from '../git/commit.ts';
import { listSettings } from '../git/config.ts';
import { namesIn } from '../git/files.ts';
import type { GitPlace } from '../git/git.ts';
import { changeRefs, listRefNames, type RefChange } from '../git/refs.ts';
import {
  findBranchNamed,
  findCommit,
  readHead,
  requireGitVersion,
  worktreePlace,
} from '../git/repository.ts';
import { writeWhole } from '../store/files.ts';
import { runPaths, worktreesDirectory } from '../store/paths.ts';
import type { TaskEvent } from '../task/event.ts';
import {
  baseRef,
  highestTaskId,
  oneLine,
  slugFromTitle,
  taskBranch,
  taskDirectoryName,
  type TaskId,
  titleFromPrompt,
} from '../task/names.ts';
import { keeperOf, latestRun, type Task } from '../task/task.ts';
import { type AgentChoice, isExecutableFile, resolveAgents } from './agent-choice.ts';
import { type Context, MAIN_WORKTREE_FACT, recordFacts, userRepository } from './context.ts';
import { startWaiting } from './dispatch.ts';
import { requireUsableDisks } from './disks.ts';
import { settingsHere } from './settings.ts';

/** One task to be. */
export type TaskDraft = {
  readonly prompt: string;
  /** Null: made from the prompt. */
  readonly title: string | null;
  readonly agent: AgentChoice;
  /** A branch, tag or commit; null means HEAD of the worktree the person stands in. */
  readonly base: string | null;
  /** The branch that a merge goes to; null: the base if it is a branch, else the one the person stands on. */
  readonly target: string | null;
  readonly timeoutMs: number | null;
  /** Whether the task begins with a copy of what is uncommitted in the worktree the person stands in. */
  readonly withChanges: boolean;
  /** Variables for the agent on top of the person's own. They are in no record. */
  readonly env: Environment;
};

export type LaunchRequest = {
  readonly drafts: readonly TaskDraft[];
  /** Sets how many runs may go on at once, for all terminals of the user from now on; null leaves it. */
  readonly jobs: number | null;
  /** The terminal whose bell may ring when a task wants the person; null for none. */
  readonly terminal: string | null;
};

export type LaunchBase = { readonly oid: Oid; readonly name: string };

export type Launched = {
  readonly tasks: readonly Task[];
  /** Each once, in the order of their tasks. */
  readonly bases: readonly LaunchBase[];
};

/** More prompts than this in one call are a mistake (a glob, a loop). */
const PROMPTS_MAX = 500;

/**
 * Launches one task for each draft. Returns as soon as they are recorded and the first have been started.
 * Throws, with nothing created, when the repository, a base, an agent or a prompt cannot be used.
 */
export async function launchTasks(context: Context, request: LaunchRequest): Promise<Launched> {
  const { drafts } = request;
  requireOutsideTasks(context);
  const place = userRepository(context);
  requireCount(drafts);
  const settings = await settingsHere(context);
  const agents = resolveAgents(context, drafts, settings);
  requireUsableDisks(context, settings.disk.floorBytes.value);
  for (const [index, draft] of drafts.entries()) requirePrompt(draft, agents[index]?.programArgs ?? []);
  const [bases, names, , checkedGit] = await Promise.all([
    resolveBases(context, drafts),
    listRefNames(place, ['refs/heads/phasr', 'refs/phasr']),
    requireIdentityHere(context),
    requireGit(context),
  ]);
  requireFreeNamespace(names);
  const { carried, release } = await captureFor(context, drafts, bases);
  try {
    return await launchCarrying(context, request, { settings, agents, bases, names, carried, checkedGit });
  } finally {
    release();
  }
}

type Prepared = {
  readonly settings: Awaited<ReturnType<typeof settingsHere>>;
  readonly agents: ReturnType<typeof resolveAgents>;
  readonly bases: readonly Base[];
  /** The refs that are in the way of nothing yet. */
  readonly names: readonly string[];
  readonly carried: Carried | null;
  readonly checkedGit: string | undefined;
};

async function launchCarrying(
  context: Context,
  { drafts, jobs, terminal }: LaunchRequest,
  { settings, agents, bases, names, carried, checkedGit }: Prepared,
): Promise<Launched> {
  const place = userRepository(context);
  const jobsNow = jobs ?? settings.jobs.value;
  if (jobsNow !== null) context.places().writeJobs(jobsNow);

  const worktrees = await worktreesDirectory(context.user, context.repository.commonDir);
  const titles = drafts.map(({ prompt, title }) =>
    title === null ? titleFromPrompt(prompt) : oneLine(title),
  );
  const slugs = await makeSlugs(titles);
  const events = drafts.map((draft, index) => (id: TaskId): readonly TaskEvent[] => {
    const [title = '', slug = '', base, agent] = [titles[index], slugs[index], bases[index], agents[index]];
    if (base === undefined || agent === undefined) throw new Error('a draft without its base and agent');
    const worktreePath = join(worktrees, taskDirectoryName(id, slug));
    return [
      {
        type: 'task.launched',
        title,
        slug,
        branch: taskBranch(id, slug),
        base: { oid: base.oid, name: base.name },
        target: draft.target ?? base.target,
        worktreePath,
        launchGitDir: context.repository.gitDir,
        carried: draft.withChanges ? carried : null,
      },
      {
        type: 'run.requested',
        run: 1,
        prompt: draft.prompt,
        ...agent.forWorktree({ worktreePath, session: null }),
        timeoutMs: draft.timeoutMs ?? settings.timeoutMs.value,
      },
    ];
  });
  const idMin = Math.max(highestTaskId(names), highestTaskIdOnDisk(context)) + 1;
  const tasks = context.store.create(events, { idMin, nowMs: context.clock.nowMs() });
  rememberFacts(context, checkedGit);
  const ready = await makeBranches(context, place, tasks);
  for (const [index, task] of ready.entries())
    enqueueRun(context, task, { env: { ...drafts[index]?.env, ...agents[index]?.variables }, terminal });
  await startWaiting(context);
  const distinct = new Map(bases.map(({ oid, name }) => [`${oid} ${name}`, { oid, name }]));
  return { tasks: ready, bases: [...distinct.values()] };
}

/** One copy for all drafts that want it. Throws `refused` when they do not begin where the uncommitted work belongs. */
async function captureFor(
  context: Context,
  drafts: readonly TaskDraft[],
  bases: readonly Base[],
): Promise<Captured> {
  const wanted = drafts.flatMap(({ withChanges }, index) => (withChanges ? [bases[index]] : []));
  if (wanted.length === 0) return { carried: null, release: () => undefined };
  const { worktreeRoot, gitDir } = context.repository;
  if (worktreeRoot === null) {
    throw new PhasrError('refused', 'there is no worktree here whose changes could be taken along', {
      hint: 'Launch from your checkout, or without --with-changes.',
    });
  }
  const place = worktreePlace({ path: worktreeRoot, gitDir }, context.env);
  const head = await findCommit(place, 'HEAD');
  if (head === undefined || wanted.some((base) => base?.oid !== head)) {
    throw new PhasrError(
      'refused',
      'uncommitted changes belong to the commit you stand on, not to another base',
      {
        hint: 'Leave --base or --with-changes away.',
      },
    );
  }
  return captureUncommitted(place, head, {
    repository: userRepository(context),
    scratchDir: context.paths.phasrDir,
  });
}

/** Its tables of letters take 20 ms to load, which titles in plain ASCII need not wait for. */
async function makeSlugs(titles: readonly string[]): Promise<readonly string[]> {
  if (titles.every((title) => /^[\0-\x7f]*$/.test(title))) return titles.map(slugFromTitle);
  const { default: transliterate } = await import('@sindresorhus/transliterate');
  return titles.map((title) => slugFromTitle(transliterate(title)));
}

function rememberFacts(context: Context, checkedGit: string | undefined): void {
  if (checkedGit !== undefined) context.store.writeFact('git', checkedGit);
  const { commonDir, gitDir, worktreeRoot } = context.repository;
  const isUnusual = gitDir === commonDir && worktreeRoot !== null && join(worktreeRoot, '.git') !== commonDir;
  if (isUnusual) context.store.writeFact(MAIN_WORKTREE_FACT, worktreeRoot);
}

/** Writes down what a run needs from this terminal, and puts it into the line. */
export function enqueueRun(
  context: Context,
  task: Task,
  from: { readonly env: Environment; readonly terminal: string | null } = { env: {}, terminal: null },
): void {
  const { run } = latestRun(task);
  const { commonDir } = context.repository;
  const own = Object.entries(context.env).filter(([name]) => name !== MARKER_NAME);
  const { environment, terminal } = runPaths(context.paths, task.id, run);
  // After a crash the run keeps what its own terminal has written down.
  if (!existsSync(environment)) {
    writeWhole(environment, JSON.stringify({ ...Object.fromEntries(own), ...from.env }));
    if (from.terminal !== null) writeWhole(terminal, from.terminal);
  }
  context.places().enqueue({ commonDir, task: task.id, run });
}

/** Branch and base ref of all tasks in one transaction. If it fails, the tasks are recorded as failed and nothing of them exists. */
async function makeBranches(
  context: Context,
  place: GitPlace,
  tasks: readonly Task[],
): Promise<readonly Task[]> {
  const changes = tasks.flatMap((task): RefChange[] => [
    { name: branchRef(task.branch), expected: null, to: task.base.oid },
    { name: baseRef(task.id), expected: null, to: keeperOf(task) },
  ]);
  try {
    const changed = await changeRefs(place, changes, 'launch');
    if (changed === 'moved')
      throw new PhasrError('busy', 'a branch of that name has just been made by somebody else', {
        hint: 'Try again.',
      });
  } catch (error) {
    const message = `no branch: ${error instanceof Error ? error.message : String(error)}`;
    for (const task of tasks)
      recordFacts(context, task.id, () => [{ type: 'worktree.failed', run: 1, message }]);
    throw error;
  }
  return tasks.map((task) => recordFacts(context, task.id, () => [{ type: 'branch.created' }]));
}

function requireOutsideTasks(context: Context): void {
  if (context.currentTask === null) return;
  throw new PhasrError('inside-a-task', `this directory is the worktree of task ${context.currentTask}`, {
    hint: `Launch tasks from your own checkout; to go on with this task: phasr resume ${context.currentTask}`,
  });
}

const unusable = (message: string, hint: string): never => {
  throw new PhasrError('prompt-unusable', message, { hint });
};

function requireCount({ length }: readonly TaskDraft[]): void {
  if (length === 0) unusable('no prompt was given', 'phasr run "what to do" -- your-agent');
  if (length > PROMPTS_MAX)
    unusable(`${length} prompts are more than ${PROMPTS_MAX}`, 'Launch them in several calls.');
}

/** Checks that an agent can get this prompt. Throws `prompt-unusable`. */
export function requirePrompt(
  { prompt, title }: { readonly prompt: string; readonly title: string | null },
  programArgs: readonly string[],
): void {
  if (prompt.trim() === '') unusable('a prompt is empty', 'Give each task something to do.');
  if (`${prompt}${title ?? ''}`.includes('\0'))
    unusable('a prompt contains a NUL character', 'Remove it; no program could get it as an argument.');
  if (title !== null && title.trim() === '')
    unusable('a title is empty', 'Leave --title away to have one made from the prompt.');
  const command = ['', ...programArgs];
  const longest = Math.max(
    0,
    ...commandWithPrompt(command, prompt).map((argument) => Buffer.byteLength(argument)),
  );
  if (takesPromptArgument(command) && longest > ARGUMENT_BYTES_MAX) {
    unusable(
      `the prompt "${renderVisible(titleFromPrompt(prompt))}" is too long for an argument`,
      'Leave {prompt} away and let the agent read the file named in PHASR_PROMPT_FILE.',
    );
  }
}

/** Asks git for its version once per repository and git program. Gives what to remember it by, undefined when it is remembered already. */
async function requireGit(context: Context): Promise<string | undefined> {
  const { env, repository, store } = context;
  const path = (env['PATH'] ?? '')
    .split(delimiter)
    .filter(isAbsolute)
    .map((directory) => join(directory, 'git'))
    .find(isExecutableFile);
  const stat = path === undefined ? undefined : statSync(path);
  const key = `${path ?? ''} ${stat?.mtimeMs ?? 0} ${stat?.size ?? 0}`;
  if (store.readFact('git') === key) return undefined;
  await requireGitVersion(repository.startDirectory, env);
  return key;
}

async function requireIdentityHere(context: Context): Promise<void> {
  const place: GitPlace = { ...userRepository(context), gitDir: context.repository.gitDir };
  await requireIdentity(place, await listSettings(place));
}

type Base = { readonly oid: Oid; readonly name: string; readonly target: string | null };

/** Each base once, however many tasks begin there. */
async function resolveBases(context: Context, drafts: readonly TaskDraft[]): Promise<readonly Base[]> {
  const named = [...new Set(drafts.map(({ base }) => base))];
  const found = await Promise.all(named.map((base) => resolveBase(context, base)));
  return drafts.map(({ base }) => found[named.indexOf(base)]).filter((base) => base !== undefined);
}

/** Resolves the base to an oid, once; and finds the branch that a merge would go to: the base if it is a local branch, else the one the person is on. */
async function resolveBase(context: Context, named: string | null): Promise<Base> {
  const place: GitPlace = { ...userRepository(context), gitDir: context.repository.gitDir };
  const head = readHead(context.repository.gitDir);
  const current = head !== undefined && 'branch' in head ? head.branch : null;
  const oid = await findCommit(place, named ?? 'HEAD');
  if (oid === undefined && named === null) {
    throw new PhasrError(
      'no-commits',
      'this repository has no commit yet, so there is nothing to start from',
      {
        hint: 'git add -A && git commit -m "first commit"',
      },
    );
  }
  if (oid === undefined) {
    throw new PhasrError('base-not-found', `${renderVisible(named ?? '')} is no commit, branch or tag here`, {
      hint: 'See what there is: git branch -a',
    });
  }
  if (named === null) return { oid, name: current ?? 'detached HEAD', target: current };
  return { oid, name: named, target: (await findBranchNamed(place, named)) ?? current };
}

/** git cannot have a branch `phasr` beside branches `phasr/…`. */
function requireFreeNamespace(names: readonly string[]): void {
  if (!names.includes('refs/heads/phasr')) return;
  throw new PhasrError(
    'branch-name-blocked',
    'a branch named "phasr" stands in the way of branches named phasr/task-…',
    {
      hint: 'Rename it: git branch -m phasr phasr-old',
    },
  );
}

/** Ids whose remains are still there although the database has forgotten them must not be used again. */
function highestTaskIdOnDisk(context: Context): number {
  const { commonDir } = context.repository;
  const ids = [
    ...namesIn(join(commonDir, 'worktrees')).map((name) => /^phasr-(\d{1,9})$/.exec(name)?.[1]),
    ...namesIn(context.paths.tasksDir).map((name) => /^\d{1,9}$/.exec(name)?.[0]),
  ];
  return Math.max(0, ...ids.map((id) => Number(id ?? 0)));
}
