/** What two fingerprints differ in. Pure. */

import type { Fingerprint } from './fingerprint.ts';

type Part =
  | 'file'
  | 'head'
  | 'ref'
  | 'reflog'
  | 'pack'
  | 'objects'
  | 'folder'
  | 'listed'
  | 'path'
  | 'ignored'
  | 'task path'
  | 'lock';

export type Difference = {
  readonly part: Part;
  readonly name: string;
  /** Null: it was not there. */
  readonly before: string | null;
  readonly after: string | null;
};

/** Begins the value of a worktree whose status git could not tell; its reason follows. */
export const UNREAD = '!! ';

/** `gc.pruneExpire` is two weeks (git-gc(1)). */
const PRUNE_EXPIRE_MS = 14 * 24 * 60 * 60_000;

/**
 * What differs. Reflogs count when they were emptied, or went while their ref stayed: git itself expires old lines. Objects count when they went without a new pack, or
 * younger than git's own clean-up takes them; loose ones, by their ids in `before`, may still be in a pack ({@link Difference} `objects` without a name). Ignored files may be made by anybody; those that
 * went may only be ignored no longer.
 */
export function compareFingerprints(before: Fingerprint, after: Fingerprint): readonly Difference[] {
  const differences: Difference[] = [];
  const gone = { packs: 0, loose: [] as string[], young: [] as string[] };
  const youngMs = Date.now() - PRUNE_EXPIRE_MS;
  let hasNewPack = false;
  // What could not be read before cannot be said to have changed.
  const unread = [...before].flatMap(([key, value]) =>
    key.startsWith('path ') && value.startsWith(UNREAD) ? [splitKey(key).name] : [],
  );
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(key) ?? null, after.get(key) ?? null];
    if (was === is) continue;
    const { part, name } = splitKey(key);
    if (part === 'ignored' && was === null) continue;
    if (
      (part === 'path' || part === 'ignored') &&
      unread.some((top) => name === top || name.startsWith(`${top}/`))
    )
      continue;
    const isObject = part === 'pack' || part === 'objects';
    if (isObject && was === null) hasNewPack ||= part === 'pack';
    else if (part === 'pack' && is === null) gone.packs++;
    else if (part === 'objects' && is === null) {
      const oid = name.replace('/', '');
      gone.loose.push(oid);
      if (timeOf(was) > youngMs) gone.young.push(oid);
    } else if (isObject) {
      if (was?.split('@')[0] !== is?.split('@')[0]) differences.push({ part, name, before: was, after: is });
    } else if (part !== 'reflog' || hasLostLines(name, { was, is, after }))
      differences.push({ part, name, before: was, after: is });
  }
  if (gone.packs > 0 && !hasNewPack)
    differences.push({ part: 'pack', name: '', before: String(gone.packs), after: null });
  const loose = hasNewPack ? gone.young : gone.loose;
  if (loose.length > 0) differences.push({ part: 'objects', name: '', before: loose.join(' '), after: null });
  return differences;
}

/** From the value of a loose object. */
function timeOf(value: string | null): number {
  return Number(value?.split('@')[1] ?? 0);
}

type Lines = { readonly was: string | null; readonly is: string | null; readonly after: Fingerprint };

function hasLostLines(name: string, { was, is, after }: Lines): boolean {
  if (was === null || was === '0') return false;
  const ref = name.replace(/^logs\//, '');
  return is === '0' || (is === null && (ref === 'HEAD' || after.has(`ref ${ref}`)));
}

const PARTS: readonly Part[] = [
  'file',
  'head',
  'reflog',
  'ref',
  'pack',
  'objects',
  'folder',
  'listed',
  'path',
  'ignored',
  'task path',
  'lock',
];

function splitKey(key: string): { readonly part: Part; readonly name: string } {
  const part = PARTS.find((one) => key.startsWith(`${one} `));
  if (part === undefined) throw new Error(`a fingerprint has ${key}`);
  return { part, name: key.slice(part.length + 1) };
}
