/**
 * Merges made in the object database alone: `merge-tree`, `commit-tree`. No worktree, no ref, no index of anybody is touched, so a conflict moves nothing.
 */

import { PhasrError } from '../base/errors.ts';
import { asOid, type Oid } from '../base/oid.ts';
import { renderPath, splitBytes } from '../base/text.ts';
import { type CommitParts, findMergeBase, listCommits, makeCommit } from './commit.ts';
import { type GitPlace, runGit } from './git.ts';

export type MergeRequest = {
  readonly strategy: 'merge' | 'squash' | 'rebase';
  /** The target branch's tip. */
  readonly target: Oid;
  readonly head: Oid;
  readonly base: Oid;
  /** For the commit that `merge` or `squash` makes. */
  readonly message: string;
  readonly sign: boolean;
  /** The user's `merge.ff`: `false` always makes a merge commit. */
  readonly mayFastForward: boolean;
};

export type Candidate =
  | { readonly kind: 'candidate'; readonly commit: Oid }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'conflict'; readonly paths: readonly string[] }
  | { readonly kind: 'has-merge-commits' }
  | { readonly kind: 'unrelated' }
  | { readonly kind: 'signing-failed'; readonly message: string };

/** A rebase of more commits than this is no task's work but somebody's history. */
const COMMITS_MAX = 1000;

/** The commit that the target would move to. Its objects are made in the place's object store. */
export async function makeCandidate(place: GitPlace, request: MergeRequest): Promise<Candidate> {
  const { base, head, target } = request;
  // A head descends from its base, or it would not have been taken over.
  const common = target === base ? base : await findMergeBase(place, target, head);
  if (common === head) return { kind: 'nothing' };
  const canFastForward = common === target && request.mayFastForward && !request.sign;
  switch (request.strategy) {
    case 'merge':
      return canFastForward
        ? { kind: 'candidate', commit: head }
        : mergeCommit(place, request, [target, head]);
    case 'squash':
      return mergeCommit(place, request, [target]);
    case 'rebase':
      return rebase(place, request, { canFastForward });
  }
}

async function mergeCommit(
  place: GitPlace,
  request: MergeRequest,
  parents: readonly Oid[],
): Promise<Candidate> {
  const merged = await mergeTrees(place, request.target, request.head);
  if (merged.kind !== 'tree') return merged;
  const { message, sign } = request;
  return asCandidate(await makeCommit(place, { tree: merged.tree, parents, message, author: null, sign }));
}

async function rebase(
  place: GitPlace,
  request: MergeRequest,
  { canFastForward }: { canFastForward: boolean },
): Promise<Candidate> {
  const commits = await listCommits(place, { base: request.base, head: request.head, max: COMMITS_MAX });
  if (commits.some((commit) => commit.parents.length !== 1)) return { kind: 'has-merge-commits' };
  if (canFastForward) return { kind: 'candidate', commit: request.head };
  let onto = request.target;
  for (const commit of commits) {
    const picked = await pick(place, commit, { onto, sign: request.sign });
    if (picked.kind !== 'candidate') {
      if (picked.kind === 'nothing') continue;
      return picked;
    }
    onto = picked.commit;
  }
  return onto === request.target ? { kind: 'nothing' } : { kind: 'candidate', commit: onto };
}

/**
 * One commit made anew on top of another. `merge-tree` takes a merge base only from git 2.40 on; a helper commit with the other
 * side's tree and the picked commit's parent makes that parent the base on every git.
 */
async function pick(
  place: GitPlace,
  commit: CommitParts,
  { onto, sign }: { onto: Oid; sign: boolean },
): Promise<Candidate> {
  const helper = { message: 'phasr: side of a rebase', author: null, sign: false };
  const ontoTree = asOid(
    (await runGit(place, ['rev-parse', `${onto}^{tree}`])).stdout.toString('latin1').trim(),
  );
  const side = await makeCommit(place, { ...helper, tree: ontoTree, parents: commit.parents });
  if (side.kind !== 'made') return side;
  const merged = await mergeTrees(place, side.oid, commit.oid);
  if (merged.kind !== 'tree') return merged;
  if (merged.tree === ontoTree) return { kind: 'nothing' };
  const { message, author } = commit;
  return asCandidate(await makeCommit(place, { tree: merged.tree, parents: [onto], message, author, sign }));
}

function asCandidate(made: Awaited<ReturnType<typeof makeCommit>>): Candidate {
  return made.kind === 'made' ? { kind: 'candidate', commit: made.oid } : made;
}

type MergedTree =
  | { readonly kind: 'tree'; readonly tree: Oid }
  | { readonly kind: 'conflict'; readonly paths: readonly string[] }
  | { readonly kind: 'unrelated' };

/** Merges two commits into a tree. Exit code 1 is the conflict; its paths come NUL-separated after the tree. One git process. */
async function mergeTrees(place: GitPlace, ours: Oid, theirs: Oid): Promise<MergedTree> {
  const args = ['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', ours, theirs];
  const { exitCode, stdout, stderr } = await runGit(place, args, { ok: [0, 1, 128] });
  if (exitCode === 128) {
    const common = await runGit(place, ['merge-base', ours, theirs], { ok: [0, 1] });
    if (common.exitCode === 1) return { kind: 'unrelated' };
    throw new PhasrError('git-failed', `git merge-tree failed: ${stderr.split('\n')[0] ?? ''}`, {
      hint: 'What git said in full is in the details (--json).',
      details: { args, exitCode, stderr },
    });
  }
  const [treeField, ...paths] = splitBytes(stdout, 0);
  const tree = asOid(treeField?.toString('latin1').trim() ?? '');
  if (exitCode === 0) return { kind: 'tree', tree };
  return { kind: 'conflict', paths: paths.filter((path) => path.length > 0).map(renderPath) };
}
