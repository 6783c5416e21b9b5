/** What of a snapshot is not in its files: the tree of its state commit (ADR 0013). */

import { asOid, type Oid, parseOid } from '../base/oid.ts';
import { splitBytes } from '../base/text.ts';
import { findStat } from './files.ts';
import { type GitPlace, readGitLine, runGit } from './git.ts';

/** `files`: the commit's tree; `state`: the state commit's, null for a head commit that says everything. */
export type Snapshot = { readonly commit: Oid; readonly files: Oid; readonly state: Oid | null };

/** The names in a state commit's tree. */
export type StateTree = {
  /** The files that a commit would take, as it would take them. */
  readonly files: Oid;
  /** What is staged. */
  readonly index: Oid | null;
  /** Instead of `index` while there are conflicts: `0/…`, `1/…`, `2/…`, `3/…` by stage. */
  readonly unmerged: Oid | null;
  /** The private git dir's own files, without objects and index. */
  readonly git: Oid | null;
  /** Files whose bytes differ from what git would check out: as they are. */
  readonly raw: Oid | null;
  /** A blob: `octal mode SP path NUL` for files with other permissions than 644 and 755. */
  readonly modes: Oid | null;
};

/** Paths as latin1 text, and their permissions in octal where these are other than 644 and 755. */
export type Modes = readonly (readonly [path: string, mode: string])[];

/** Reads them off the files that are there. No git process. */
export function readModes(worktreePath: string, paths: readonly Buffer[]): Modes {
  return paths.flatMap((path): Modes => {
    const stat = findStat(Buffer.concat([Buffer.from(`${worktreePath}/`), path]));
    const mode = (stat?.mode ?? 0) & 0o7777;
    if (stat?.isFile() !== true || mode === 0o644 || mode === 0o755) return [];
    return [[path.toString('latin1'), mode.toString(8)]];
  });
}

/** The content of {@link StateTree.modes}; null when there is nothing to tell. */
export function renderModes(modes: Modes): Buffer | null {
  const lines = modes
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([path, mode]) => `${mode} ${path}\0`);
  return lines.length === 0 ? null : Buffer.from(lines.join(''), 'latin1');
}

/** Writes it as a blob. At most one git process. */
export async function writeModes(objects: GitPlace, modes: Modes): Promise<Oid | null> {
  const stdin = renderModes(modes);
  if (stdin === null) return null;
  const args = ['hash-object', '-w', '--no-filters', '--stdin'];
  return asOid(await readGitLine(objects, args, { stdin }));
}

/** The entries of a state commit's tree, in git's order. */
export function stateEntries(
  state: StateTree,
): readonly { readonly name: string; readonly mode: string; readonly oid: Oid }[] {
  return Object.entries(state)
    .flatMap(([name, oid]) =>
      oid === null ? [] : [{ name, mode: name === 'modes' ? '100644' : '40000', oid }],
    )
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** Writes a state commit's tree. One git process. */
export async function makeStateTree(objects: GitPlace, state: StateTree): Promise<Oid> {
  const entries = stateEntries(state).map(
    ({ name, mode, oid }) => `${mode} ${mode === '40000' ? 'tree' : 'blob'} ${oid}\t${name}\0`,
  );
  return asOid(await readGitLine(objects, ['mktree', '-z'], { stdin: entries.join('') }));
}

/** Reads a snapshot back; undefined when the commit is none. One git process. */
export async function readSnapshot(place: GitPlace, oid: Oid): Promise<Snapshot | undefined> {
  const names = [`${oid}^{tree}`, `${oid}^2^{tree}`];
  const { stdout } = await runGit(place, ['cat-file', '--batch-check=%(objectname) %(objecttype)'], {
    stdin: names.map((name) => `${name}\n`).join(''),
  });
  const [files, state] = stdout
    .toString('latin1')
    .split('\n')
    .map((line) => (line.endsWith(' tree') ? parseOid(line.slice(0, -' tree'.length)) : undefined));
  return files === undefined || state === undefined ? undefined : { commit: oid, files, state };
}

/** What a snapshot's state commit holds. One git process. */
export async function readStateTree(
  place: GitPlace,
  { files, state }: { readonly files: Oid; readonly state: Oid },
): Promise<StateTree> {
  const { stdout } = await runGit(place, ['ls-tree', '-z', state]);
  const found = new Map<string, Oid>();
  for (const entry of splitBytes(stdout, 0)) {
    const [mode = '', rest = ''] = entry.toString('latin1').split('\t');
    found.set(rest, asOid(mode.split(' ')[2] ?? ''));
  }
  const get = (name: string): Oid | null => found.get(name) ?? null;
  return {
    files: get('files') ?? files,
    index: get('index'),
    unmerged: get('unmerged'),
    git: get('git'),
    raw: get('raw'),
    modes: get('modes'),
  };
}
