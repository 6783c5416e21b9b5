/**
 * Brings a task's work into the user's repository: the agent's own commits as they are, then one commit for what it left uncommitted.
 *
 * The tree of the result is exactly the worktree's files. Where the agent's history cannot be taken (rewritten past the base commit, forged objects)
 * the files still are.
 */

import { renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { uniqueName } from '../base/unique.ts';
import { PhasrError } from '../base/errors.ts';
import { branchRef, type Oid, shortOid } from '../base/oid.ts';
import { captureTree, findWorktree, isUnchanged } from '../git/clean-room.ts';
import { findMergeBase, isAncestor, makeCommit, readTree } from '../git/commit.ts';
import { listFileChanges, sumChanges } from '../git/diff.ts';
import { findStat, readPlainFile } from '../git/files.ts';
import { flushDisks } from '../git/flush.ts';
import type { GitPlace } from '../git/git.ts';
import { copyIndex } from '../git/index-file.ts';
import { changeRefs, type RefChange, readRefAsText } from '../git/refs.ts';
import { readHead } from '../git/repository.ts';
import { gitFileText, type TaskDirs } from '../git/task-dirs.ts';
import { findUnfinished } from '../git/worktree.ts';
import { type Arrived, transferCommits } from '../git/transfer.ts';
import { agentName, latestRun, type Task } from '../task/task.ts';
import { renderTaskMessage } from '../task/message.ts';
import { rewrittenRef } from '../task/names.ts';
import { type Context, dirsOf, objectsOf, recordFacts, roomOf, userRepository } from './context.ts';
import { remarkOnCommits, remarkOnFiles, remarkOnHead } from './remarks.ts';
import { keepQuietly } from './snapshot.ts';

export type Committed = { readonly head: Oid; readonly tree: Oid };

/**
 * Commits whatever the worktree holds to the task branch and records the head.
 *
 * Only while no agent works there. Changes: the task branch, the private git dir (so that the agent finds itself on the new head), the clean room's index.
 * Throws `worktree-broken` when the worktree was replaced, `git-failed` when git could not do it; then nothing has moved.
 */
export async function commitTask(context: Context, task: Task): Promise<Committed> {
  const dirs = dirsOf(context, task);
  const place = userRepository(context);
  const branch = branchRef(task.branch);
  const before = readRefAsText(place.commonDir, branch) ?? null;
  const history = await collectHistory(context, task, before);
  const captured = await captureFiles(context, task);
  const notes = [
    ...history.notes,
    ...(await remarkOnCommits(context, task, history.tip)),
    ...(captured === null ? [] : captured.notes),
  ];
  const arrived: Arrived[] = history.arrived === null ? [] : [history.arrived];
  try {
    const { tip } = history;
    const tipTree = tip === task.head?.oid ? task.head.tree : await readTree(objectsOf(context, task), tip);
    const tree = captured?.tree ?? tipTree;
    const leftovers = tree !== tipTree || history.parents.length > 1;
    const head = leftovers ? await commitLeftovers(context, task, { tree, parents: history.parents }) : tip;
    if (leftovers) {
      const from = objectsOf(context, task);
      arrived.push(
        await transferCommits({ from, to: place, tips: [head], known: history.parents, scope: 'local' }),
      );
    }
    await moveBranch(context, task, { before, head, rewritten: history.rewritten });
    if (captured !== null) tellAgent(dirs, task, head);
    if (task.phase.kind === 'committing')
      await keepQuietly(context, task, { reason: `run ${latestRun(task).run} ended`, head });
    // What the run has written last is in no file system's journal yet; an empty file found after a power cut would look like work.
    if (task.phase.kind === 'committing') await flushDisks([task.worktreePath, place.commonDir], context.env);
    if (task.head?.oid !== head || task.phase.kind === 'committing') {
      await recordHead(context, task, { head, tree, committedLeftovers: leftovers, notes });
    }
    return { head, tree };
  } finally {
    for (const { release } of arrived) release();
  }
}

/** Whether the recorded head is still all there is: same branch, no new commits of the agent, no file touched since. */
export async function isCommitted(context: Context, task: Task): Promise<boolean> {
  const { head, directory } = task;
  if (head === null || directory === null) return false;
  const dirs = dirsOf(context, task);
  if (readRefAsText(context.repository.commonDir, branchRef(task.branch)) !== head.oid) return false;
  if (findWorktree(task.worktreePath, directory) !== 'present') return false;
  if (!readOwnTips(dirs, task).every((tip) => tip === head.oid)) return false;
  return isUnchanged(roomOf(context, task), join(dirs.privateAdminDir, 'index'));
}

type NewHead = {
  readonly head: Oid;
  readonly tree: Oid;
  readonly committedLeftovers: boolean;
  readonly notes: readonly string[];
};

async function recordHead(context: Context, task: Task, head: NewHead): Promise<void> {
  // What the task began with is no change of its own.
  const range = { from: task.carried?.files ?? task.base.oid, to: head.tree, paths: [] };
  const changes = sumChanges(await listFileChanges(objectsOf(context, task), range));
  recordFacts(context, task.id, () => [{ type: 'head.recorded', ...head, changes }]);
}

/**
 * Takes over the agent's own commits while it goes on working; what it has not committed stays where it is. A history that does not simply go on
 * from the task branch waits for the end of the run.
 */
export async function harvestCommits(context: Context, task: Task): Promise<void> {
  const before = readRefAsText(context.repository.commonDir, branchRef(task.branch)) ?? null;
  const history = await collectHistory(context, task, before);
  try {
    if (history.parents.length === 1 && before !== null) {
      await moveBranch(context, task, { before, head: history.tip, rewritten: history.rewritten });
    }
  } finally {
    history.arrived?.release();
  }
}

type BranchMove = { readonly before: Oid | null; readonly head: Oid; readonly rewritten: Oid | null };

async function moveBranch(context: Context, task: Task, move: BranchMove): Promise<void> {
  const changes: RefChange[] = [];
  if (move.before !== move.head)
    changes.push({ name: branchRef(task.branch), expected: move.before, to: move.head });
  const place = userRepository(context);
  const rewritten = rewrittenRef(task.id);
  const kept = readRefAsText(place.commonDir, rewritten) ?? null;
  if (move.rewritten !== null && move.rewritten !== kept) {
    changes.push({ name: rewritten, expected: kept, to: move.rewritten });
  }
  if (changes.length === 0) return;
  const moved = await changeRefs(place, changes, `work of task ${task.id}`);
  if (moved === 'moved') {
    throw new PhasrError(
      'busy',
      `${task.branch} was moved by somebody else while its work was being committed`,
      {
        hint: `Look at it with git log ${task.branch}, then: phasr show ${task.id}`,
      },
    );
  }
}

async function commitLeftovers(
  context: Context,
  task: Task,
  { tree, parents }: { tree: Oid; parents: readonly Oid[] },
): Promise<Oid> {
  const run = latestRun(task);
  const message = renderTaskMessage(task, {
    run: run.run,
    prompt: run.prompt,
    agent: agentName(run.command),
  });
  const made = await makeCommit(objectsOf(context, task), {
    tree,
    parents,
    message,
    author: null,
    sign: false,
  });
  if (made.kind !== 'made') throw new Error('an unsigned commit cannot fail to be signed');
  return made.oid;
}

type History = {
  /** Where the agent's own commits end. */
  readonly tip: Oid;
  /** Parents for a commit of leftovers. */
  readonly parents: readonly Oid[];
  /** Commits of the agent that do not descend from the base commit; kept in a ref of their own. */
  readonly rewritten: Oid | null;
  readonly arrived: Arrived | null;
  readonly notes: readonly string[];
};

/**
 * The agent's own commits, copied into the user's repository. What the agent's HEAD names counts, wherever he has moved it (another branch,
 * detached); the task branch of its private git dir counts as well when that is not part of it.
 */
async function collectHistory(context: Context, task: Task, before: Oid | null): Promise<History> {
  const dirs = dirsOf(context, task);
  const known = [task.base.oid, ...(before === null ? [] : [before])];
  const own = readOwnTips(dirs, task);
  const fallback = before ?? task.head?.oid ?? task.base.oid;
  const fresh = own.filter((tip) => !known.includes(tip));
  const plain = { tip: fallback, parents: [fallback], rewritten: null, arrived: null };
  if (fresh.length === 0) return { ...plain, notes: remarkOnHead(dirs, task) };
  let arrived: Arrived;
  try {
    arrived = await transferCommits({
      from: privateObjects(context, dirs),
      to: userRepository(context),
      tips: fresh,
      known,
      scope: 'local',
    });
  } catch (error) {
    const why = error instanceof PhasrError ? error.message : String(error);
    return {
      ...plain,
      notes: [
        `the agent's own commits could not be taken over (${why}); its files were`,
        ...remarkOnHead(dirs, task),
      ],
    };
  }
  const line = await lineUp(objectsOf(context, task), { base: task.base.oid, before: fallback, own });
  return { ...line, arrived, notes: [...line.notes, ...remarkOnHead(dirs, task)] };
}

/** HEAD's commit first, then the private task branch's, without repetitions; read as text. */
export function readOwnTips(dirs: TaskDirs, task: Task): readonly Oid[] {
  const head = readHead(dirs.privateAdminDir);
  const branch = readRefAsText(dirs.privateDir, branchRef(task.branch));
  const headTip =
    head === undefined
      ? undefined
      : 'detached' in head
        ? head.detached
        : readRefAsText(dirs.privateDir, branchRef(head.branch));
  return [...new Set([headTip, branch].filter((tip) => tip !== undefined))];
}

/** Puts the agent's tips and the branch's present tip into one history, oldest decision first. */
async function lineUp(
  place: GitPlace,
  tips: { readonly base: Oid; readonly before: Oid; readonly own: readonly Oid[] },
): Promise<Omit<History, 'arrived'>> {
  let tip = tips.before;
  let rewritten: Oid | null = null;
  const parents: Oid[] = [tip];
  const notes: string[] = [];
  for (const own of tips.own) {
    if (!(await isAncestor(place, tips.base, own))) {
      const isOrphan = (await findMergeBase(place, tips.base, own)) === undefined;
      const what = isOrphan
        ? 'the agent began a history of its own, without the base commit'
        : 'the agent rewrote history below the base commit';
      notes.push(`${what}; its own commits end at ${shortOid(own)}`);
      rewritten ??= own;
      continue;
    }
    if (await isAncestor(place, own, tip)) continue;
    if (await isAncestor(place, tip, own)) {
      parents.splice(parents.indexOf(tip), 1, own);
      tip = own;
    } else {
      parents.push(own);
    }
  }
  return { tip, parents, rewritten, notes };
}

/** The private git dir's objects, looked at with the clean room's settings. */
export function privateObjects(context: Context, dirs: TaskDirs): GitPlace {
  return {
    cwd: dirs.cleanDir,
    gitDir: dirs.cleanDir,
    workTree: null,
    variables: { GIT_OBJECT_DIRECTORY: join(dirs.privateDir, 'objects') },
    inherited: context.env,
  };
}

type CapturedFiles = { readonly tree: Oid; readonly notes: readonly string[] };

/** The worktree's files as a tree; null when the worktree is gone, so that nothing is taken for deleted. */
async function captureFiles(context: Context, task: Task): Promise<CapturedFiles | null> {
  const presence = task.directory === null ? 'gone' : findWorktree(task.worktreePath, task.directory);
  if (presence === 'replaced') {
    throw new PhasrError(
      'worktree-broken',
      `${task.worktreePath} is no longer the worktree that Phasr made for task ${task.id}`,
      {
        hint: 'Something else stands in its place. Move it away; what was committed is on the task branch.',
        details: { worktreePath: task.worktreePath },
      },
    );
  }
  if (presence === 'gone') return null;
  restoreGitFile(dirsOf(context, task));
  const { tree, changes, incomplete } = await captureTree(roomOf(context, task), task.base.oid, {
    keepIndex: true,
    agentIndex: join(dirsOf(context, task).privateAdminDir, 'index'),
  });
  return {
    tree,
    notes: [
      ...remarkOnFiles(task, changes),
      ...(incomplete === null ? [] : [`some files could not be read: ${incomplete.split('\n')[0] ?? ''}`]),
    ],
  };
}

/** Puts the worktree's `.git` file back when somebody has changed it (`git worktree repair` points it at the user's repository). */
function restoreGitFile(dirs: TaskDirs): void {
  const path = join(dirs.worktreePath, '.git');
  if (readPlainFile(path, 8192) === Buffer.from(gitFileText(dirs)).toString('latin1')) return;
  // A directory in its place is the agent's doing; nothing of ours reads it.
  if (findStat(path)?.isDirectory() === true) return;
  // Beside the worktree: in it, a killed process would leave a file that is taken for work.
  replaceFile(path, { aside: dirname(dirs.worktreePath) }, (partial) =>
    writeFileSync(partial, gitFileText(dirs), { flag: 'wx' }),
  );
}

/**
 * Lets the agent find its work committed when it is resumed: its branch, HEAD and index are those of the head. Not while it is in the middle of a merge
 * or rebase. Nothing in the private git dir is followed or trusted: files are replaced whole, and only below real folders.
 */
export function tellAgent(dirs: TaskDirs, task: Task, head: Oid): void {
  if (findUnfinished(dirs.privateAdminDir) !== undefined) return;
  const admin = relative(dirs.privateDir, dirs.privateAdminDir);
  const branch = join('refs', 'heads', ...task.branch.split('/'));
  const folders = ['', dirname(admin), admin, 'refs', join('refs', 'heads'), dirname(branch)];
  const areReal = folders.every((folder) => findStat(join(dirs.privateDir, folder))?.isDirectory() === true);
  // Otherwise the agent broke its own git dir. Its work is committed; a next run sees its files.
  if (!areReal) return;
  // At the top: among the refs, a killed process would leave a branch.
  const aside = { aside: dirs.privateDir };
  replaceFile(join(dirs.privateDir, branch), aside, (partial) =>
    writeFileSync(partial, `${head}\n`, { flag: 'wx' }),
  );
  replaceFile(join(dirs.privateAdminDir, 'HEAD'), aside, (partial) =>
    writeFileSync(partial, `ref: ${branchRef(task.branch)}\n`, { flag: 'wx' }),
  );
  replaceFile(join(dirs.privateAdminDir, 'index'), aside, (partial) =>
    copyIndex(join(dirs.cleanDir, 'index'), partial),
  );
}

/** `aside`: a folder on the same disk for what is not yet whole. */
function replaceFile(
  path: string,
  { aside }: { readonly aside: string },
  write: (partial: string) => void,
): void {
  const partial = join(aside, `phasr-${uniqueName()}`);
  write(partial);
  renameSync(partial, path);
}
