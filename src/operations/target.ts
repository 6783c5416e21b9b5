/** Where a merge goes: the branch, who has it checked out, and what is in the way there. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { branchRef, type Oid } from '../base/oid.ts';
import { renderVisible } from '../base/text.ts';
import { listSettings, type Setting, settingValue } from '../git/config.ts';
import type { GitPlace } from '../git/git.ts';
import { findObstacles } from '../git/land.ts';
import { readRefAsText, readRefs } from '../git/refs.ts';
import type { Sighting } from '../git/sighting.ts';
import { worktreePlace } from '../git/repository.ts';
import {
  findGitDir,
  findMainWorktree,
  findUnfinished,
  type ListedWorktree,
  listWorktrees,
} from '../git/worktree.ts';
import { refuse, type Refusal } from '../task/decide.ts';
import type { MergeIntent } from '../task/event.ts';
import type { Task } from '../task/task.ts';
import { type Context, MAIN_WORKTREE_FACT, userRepository } from './context.ts';

/** `into` null: the task's own target branch. */
type TargetRequest = { readonly into: string | null } & Surroundings;

/** What the user has set and checked out; read while the task's files are looked at. */
export type Surroundings = {
  readonly settings: readonly Setting[];
  readonly worktrees: readonly ListedWorktree[];
};

/** Two git processes, at once. */
export async function readSurroundings(context: Context): Promise<Surroundings> {
  const place = userRepository(context);
  const [settings, worktrees] = await Promise.all([listSettings(place), listWorktrees(place)]);
  return { settings, worktrees };
}

/** A branch to merge into, its tip, and the worktree that has it checked out. */
export type Target = {
  readonly branch: string;
  readonly oid: Oid;
  readonly worktree: MergeIntent['worktree'];
};

/** The task's target branch, or the one the person names; refused when a merge cannot go there. */
export async function findTarget(
  context: Context,
  task: Task,
  request: TargetRequest,
): Promise<Target | Refusal> {
  const branch = request.into ?? task.target;
  if (branch === null) {
    return refuse('no-target', `task ${task.id} was launched from no branch, so it has no target`, {
      hint: `phasr merge ${task.id} --into BRANCH`,
    });
  }
  const place = userRepository(context);
  const shown = renderVisible(branch);
  const oid = isRefName(branch) ? await findBranchTip(place, branch) : undefined;
  if (oid === undefined) {
    return refuse('target-missing', `there is no branch ${shown} to merge into`, {
      hint: 'See the branches: git branch',
    });
  }
  if (context.store.list('open').some((open) => open.branch === branch)) {
    return refuse('target-is-a-task', `${shown} is the branch of a task that is not merged yet`, {
      hint: 'Merge that one first, or choose another branch with --into.',
    });
  }
  const [main, ...linked] = request.worktrees;
  const isHolder = (worktree: ListedWorktree | undefined): boolean =>
    worktree !== undefined && !worktree.isBare && worktree.branch === branchRef(branch);
  const holder = isHolder(main) ? locateMainWorktree(context, main, request.settings) : linked.find(isHolder);
  if (holder === undefined) return { branch, oid, worktree: null };
  const gitDir = findGitDir(holder.path);
  if (gitDir === undefined) {
    return refuse(
      'target-busy',
      `${shown} is checked out in ${renderVisible(holder.path)}, which is not there`,
      {
        hint: 'If that worktree is gone for good: git worktree prune; then try again.',
      },
    );
  }
  return { branch, oid, worktree: { path: holder.path, gitDir } };
}

/** A branch's tip, from its file where that says it, else from git. */
async function findBranchTip(
  place: GitPlace & { readonly commonDir: string },
  branch: string,
): Promise<Oid | undefined> {
  const ref = branchRef(branch);
  return readRefAsText(place.commonDir, ref) ?? (await readRefs(place, [ref])).get(ref);
}

/** The main worktree with its true path; git's own answer when it is not found, which then is refused by name. */
function locateMainWorktree(
  context: Context,
  listed: ListedWorktree | undefined,
  settings: readonly Setting[],
): ListedWorktree | undefined {
  if (listed === undefined) return undefined;
  const { commonDir, gitDir, worktreeRoot } = context.repository;
  const standsInIt = gitDir === commonDir && worktreeRoot !== null;
  const seen = standsInIt ? worktreeRoot : context.store.readFact(MAIN_WORKTREE_FACT);
  const path = findMainWorktree(commonDir, { coreWorktree: settingValue(settings, 'core.worktree'), seen });
  return path === undefined ? listed : { ...listed, path };
}

/** Good enough to ask git whether it exists: nothing that would be an option, a pattern or two names. */
function isRefName(branch: string): boolean {
  return branch !== '' && !/[\0-\x20~^:?*[\\\x7f]/.test(branch) && !branch.startsWith('-');
}

/** Nothing keeps the target's worktree from following; null when there is none. */
export type Clear = { readonly kind: 'clear'; readonly seen: Sighting | null };

/** What keeps the target's worktree from following a move, as a refusal. */
export async function findTargetObstacle(
  context: Context,
  target: Target,
  move: { from: Oid; to: Oid },
): Promise<Clear | Refusal> {
  if (target.worktree === null) return { kind: 'clear', seen: null };
  const { path, gitDir } = target.worktree;
  const unfinished = findUnfinished(gitDir);
  const where = renderVisible(path);
  if (unfinished !== undefined) {
    return refuse('target-busy', `${where} is in the middle of a ${unfinished}`, {
      hint: `Finish it there, or give it up: git ${unfinished} --abort`,
    });
  }
  if (existsSync(join(gitDir, 'index.lock'))) {
    return refuse('target-busy', `another git command is at work in ${where}`, {
      hint: `Try again when it is done; if there is none, remove ${renderVisible(join(gitDir, 'index.lock'))}`,
    });
  }
  const obstacles = await findObstacles(worktreePlace(target.worktree, context.env), move);
  if (obstacles.kind === 'none') return { kind: 'clear', seen: obstacles.seen };
  const paths = obstacles.kind === 'paths' ? obstacles.paths : [];
  const what =
    obstacles.kind === 'paths'
      ? 'local changes are in the way'
      : renderVisible(obstacles.message.split('\n')[0] ?? '');
  return refuse('target-dirty', `${renderVisible(target.branch)} is checked out in ${where}, and ${what}`, {
    hint: 'Commit or move them, then try again. Nothing was changed.',
    paths,
  });
}
