/** What refs and the trash still know of snapshots and removed tasks whose record is lost. Looks only. */

import { dirname, join } from 'node:path';
import { asOid, type Oid, parseOid } from '../../base/oid.ts';
import { isAncestor } from '../../git/commit.ts';
import { readPathFile } from '../../git/files.ts';
import { runGit } from '../../git/git.ts';
import { findCommit } from '../../git/repository.ts';
import { worktreesDirectory } from '../../store/paths.ts';
import { findTrashEntry, listTrash, readHeld, readTrashEntry } from '../../store/trash.ts';
import type { TaskSnapshot } from '../../task/event.ts';
import { parseSnapshotMessage, type SnapshotMessage } from '../../task/message.ts';
import { asTaskId, slugFromBranch, type TaskId, taskDirectoryName } from '../../task/names.ts';
import { type Context, userRepository } from '../context.ts';

export type TracedSnapshot = TaskSnapshot & { readonly atMs: number };

/** What is left of a removed task, where its record is lost. */
export type TracedRemoval = {
  readonly id: TaskId;
  /** Null when nothing tells: the task branch is gone, and the head is all that was kept. */
  readonly slug: string | null;
  readonly base: Oid | null;
  readonly head: Oid;
  readonly worktreePath: string | null;
  readonly isMerged: boolean;
  readonly kept: string | null;
  /** Null: its files still wait for the sweeper. */
  readonly swept: { readonly snapshot: Oid | null; readonly held: string | null } | null;
};

/** A commit that a ref of ours holds. */
type Kept = {
  readonly oid: Oid;
  readonly tree: Oid;
  readonly parents: readonly Oid[];
  readonly atMs: number;
  readonly message: string;
};

const NO_MESSAGE = 'found when the record was lost';

/** The snapshots of all tasks by task id, each task's in order. Two git processes. */
export async function traceSnapshots(
  context: Context,
  refs: ReadonlyMap<string, Oid>,
): Promise<ReadonlyMap<number, readonly TracedSnapshot[]>> {
  const named = [...refs].flatMap(([name, oid]) => {
    const match = /^refs\/phasr\/snapshots\/([1-9]\d{0,8})\/([1-9]\d{0,8})$/.exec(name);
    return match === null ? [] : [{ id: Number(match[1]), number: Number(match[2]), oid }];
  });
  const commits = await readKept(
    context,
    named.map(({ oid }) => oid),
  );
  const states = await readKept(
    context,
    [...commits.values()].flatMap(({ parents }) => parents.slice(1, 2)),
  );
  const found = new Map<number, TracedSnapshot[]>();
  for (const { id, number, oid } of named.toSorted((one, other) => one.number - other.number)) {
    const commit = commits.get(oid);
    if (commit === undefined) continue;
    const { atMs, tree: files } = commit;
    const message = parseSnapshotMessage(commit.message, id);
    const state = message === undefined ? null : (states.get(commit.parents[1] ?? oid)?.tree ?? null);
    const head = message === undefined ? oid : (commit.parents[0] ?? oid);
    const reason = message?.reason ?? NO_MESSAGE;
    found.set(id, [...(found.get(id) ?? []), { number, reason, commit: oid, files, state, head, atMs }]);
  }
  return found;
}

/** Every removed task that the trash holds something of and that is not among `known`, by id. */
export async function traceRemovals(
  context: Context,
  refs: ReadonlyMap<string, Oid>,
  { known, target }: { readonly known: ReadonlySet<number>; readonly target: string | null },
): Promise<readonly TracedRemoval[]> {
  const { trashDir } = context.paths;
  const ids = new Set([
    ...[...refs.keys()].map((name) => /^refs\/phasr\/trash\/([1-9]\d{0,8})$/.exec(name)?.[1]),
    ...listTrash(trashDir).map(({ name }) => /^([1-9]\d{0,8})\.\d+$/.exec(name)?.[1]),
  ]);
  const place = userRepository(context);
  const tip = target === null ? undefined : await findCommit(place, `refs/heads/${target}`);
  const removals: TracedRemoval[] = [];
  for (const id of [...ids].map(Number).filter((found) => found > 0 && !known.has(found))) {
    const removal = await traceRemoval(context, asTaskId(id), refs.get(`refs/phasr/trash/${id}`));
    if (removal === undefined) continue;
    const { head, base } = removal;
    const isContained = tip !== undefined && head !== base && (await isAncestor(place, head, tip));
    removals.push({ ...removal, isMerged: isContained });
  }
  return removals.toSorted((one, other) => one.id - other.id);
}

async function traceRemoval(
  context: Context,
  id: TaskId,
  tip: Oid | undefined,
): Promise<Omit<TracedRemoval, 'isMerged'> | undefined> {
  const { trashDir } = context.paths;
  const found = findTrashEntry(trashDir, id);
  const entry = found === undefined ? undefined : readTrashEntry(trashDir, found.name);
  const commit = tip === undefined ? undefined : (await readKept(context, [tip])).get(tip);
  const message = commit === undefined ? undefined : parseSnapshotMessage(commit.message, id);
  const kept = tip === undefined ? null : `refs/phasr/trash/${id}`;
  if (found !== undefined && entry !== undefined) {
    const registered = readPathFile(join(trashDir, found.name, 'registration', 'HEAD'));
    const slug = slugOf(id, registered?.replace(/^ref: refs\/heads\//, '') ?? message?.branch);
    const swept = found.state === 'sweepable' ? null : { snapshot: snapshotOf(tip, message), held: heldOf() };
    const folder = dirname(dirname(entry.worktree));
    const worktreePath = slug === null ? null : join(folder, taskDirectoryName(id, slug));
    return { id, slug, base: entry.base, head: entry.head, worktreePath, kept, swept };
  }
  if (commit === undefined) return undefined;
  const slug = slugOf(id, message?.branch);
  const folder = await worktreesDirectory(context.user, context.repository.commonDir);
  return {
    id,
    slug,
    base: message === undefined ? null : (parseOid(message.base) ?? null),
    head: message === undefined ? commit.oid : (commit.parents[0] ?? commit.oid),
    worktreePath: slug === null ? null : join(folder, taskDirectoryName(id, slug)),
    kept,
    swept: { snapshot: snapshotOf(tip, message), held: null },
  };
  function heldOf(): string | null {
    const reason = found === undefined ? undefined : readHeld(trashDir, found.name);
    return reason === undefined || entry === undefined ? null : `${entry.worktree} (${reason})`;
  }
}

function snapshotOf(tip: Oid | undefined, message: SnapshotMessage | undefined): Oid | null {
  return message === undefined ? null : (tip ?? null);
}

function slugOf(id: TaskId, branch: string | undefined): string | null {
  return branch === undefined ? null : (slugFromBranch(id, branch) ?? null);
}

/** One git process; none for no commit. What is no commit is left out. */
async function readKept(context: Context, oids: readonly Oid[]): Promise<ReadonlyMap<Oid, Kept>> {
  if (oids.length === 0) return new Map();
  const args = ['log', '--no-walk=unsorted', '-z', '--format=%H%x00%T%x00%P%x00%ct%x00%B%x00', '--stdin'];
  const { stdout } = await runGit(userRepository(context), args, { stdin: oids.join('\n') });
  const fields = stdout.toString('utf8').split('\0');
  const commits = new Map<Oid, Kept>();
  // Five fields and the record's own closing NUL.
  for (let at = 0; at + 5 < fields.length; at += 6) {
    const [oid = '', tree = '', parents = '', seconds = '', message = ''] = fields.slice(at, at + 5);
    commits.set(asOid(oid.trim()), {
      oid: asOid(oid.trim()),
      tree: asOid(tree),
      parents: parents
        .split(' ')
        .filter((parent) => parent !== '')
        .map(asOid),
      atMs: Number(seconds) * 1000,
      message,
    });
  }
  return commits;
}
