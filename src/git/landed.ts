/** Whether everything that a branch changed is in its target already, however it got there: as it is, squashed, rebased or picked. Only what can be shown counts. */

import { asOid, type Oid } from '../base/oid.ts';
import { splitBytes } from '../base/text.ts';
import { findMergeBase, isAncestor, readTree } from './commit.ts';
import { listSettings } from './config.ts';
import { type GitPlace, runGit } from './git.ts';
import { readPatchBetween, readPatches } from './patches.ts';

export type Landing =
  | { readonly how: 'contained' }
  | { readonly how: 'merge adds nothing' }
  | { readonly how: 'same patch'; readonly commit: Oid }
  | { readonly how: 'same patches'; readonly count: number };

/** The most commits that are compared, on either side. */
const COMMITS_MAX = 500;
/** More paths than this do not narrow the target's commits down. */
const PATHS_MAX = 100;

/**
 * How the work of `head` is in `target`; undefined when it cannot be shown that it is. `place` needs the commits of both, and gets a tree.
 * One git process when the target has the head itself, else up to a dozen. Throws `git-failed`, `git-timed-out`.
 */
export async function findLanding(place: GitPlace, head: Oid, target: Oid): Promise<Landing | undefined> {
  if (await isAncestor(place, head, target)) return { how: 'contained' };
  const base = await findMergeBase(place, head, target);
  if (base === undefined) return undefined;
  const whole = await readPatchBetween(place, base, head);
  // Commits that come to nothing: their changes are in no file of anybody, so there is nothing to show it by.
  if (whole === undefined) return undefined;
  if (await addsNothing(place, head, target)) return { how: 'merge adds nothing' };
  const paths = await listChangedPaths(place, base, head);
  const theirs = await readPatches(place, await listRange(place, { from: base, to: target, paths }));
  const squashed = theirs.find(({ digest }) => digest === whole.digest);
  if (squashed !== undefined) return { how: 'same patch', commit: asOid(squashed.commit) };
  const own = await listRange(place, { from: base, to: head, paths: [] });
  if (own.length === 0 || own.length === COMMITS_MAX || (await hasMerges(place, base, head)))
    return undefined;
  const known = new Set(theirs.map(({ digest }) => digest));
  const patches = await readPatches(place, own);
  // One of theirs stands for one of its own: the same lines may have been added twice.
  const areAll = patches.length > 0 && patches.every(({ digest }) => known.delete(digest));
  return areAll ? { how: 'same patches', count: patches.length } : undefined;
}

/**
 * Whether merging gives the target's own tree. Merge drivers of the user's may give up what they merge, and are programs: where one would be asked,
 * it fails, and nothing is shown. One or two git processes.
 */
async function addsNothing(place: GitPlace, head: Oid, target: Oid): Promise<boolean> {
  const drivers = (await listSettings(place))
    .map(({ key }) => key)
    .filter((key) => /^merge\..+\.driver$/.test(key));
  // Such a name cannot be given to git as a setting.
  if (drivers.some((key) => /[=\n]/.test(key))) return false;
  const args = ['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', target, head];
  const settings = [...drivers.map((key) => `${key}=false`), 'merge.renormalize=false'];
  const { exitCode, stdout } = await runGit(place, args, { ok: [0, 1], settings });
  if (exitCode !== 0) return false;
  const tree = splitBytes(stdout, 0)[0]?.toString('latin1').trim();
  return tree === (await readTree(place, target));
}

async function listChangedPaths(place: GitPlace, from: Oid, to: Oid): Promise<readonly Buffer[]> {
  const args = ['diff-tree', '-r', '-z', '--name-only', '--no-renames', from, to];
  return splitBytes((await runGit(place, args)).stdout, 0);
}

type Range = { readonly from: Oid; readonly to: Oid; readonly paths: readonly Buffer[] };

/** The newest commits of a range that are no merges; those that touch the paths alone, when these are few. */
async function listRange(place: GitPlace, { from, to, paths }: Range): Promise<readonly Oid[]> {
  const args = ['rev-list', '--no-merges', '--topo-order', `--max-count=${COMMITS_MAX}`, to, `^${from}`];
  const names = paths.map((path) => path.toString('utf8'));
  const areFew = names.length <= PATHS_MAX && names.every((name, at) => paths[at]?.equals(Buffer.from(name)));
  const only = areFew ? names.map((name) => `:(top,literal)${name}`) : [];
  const { stdout } = await runGit(place, [...args, '--', ...only]);
  return stdout.toString('latin1').split('\n').slice(0, -1).map(asOid);
}

async function hasMerges(place: GitPlace, from: Oid, to: Oid): Promise<boolean> {
  const args = ['rev-list', '--min-parents=2', '--max-count=1', to, `^${from}`, '--'];
  return (await runGit(place, args)).stdout.length > 0;
}
