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
  | 'task path'
  | 'lock';

export type Difference = {
  readonly part: Part;
  readonly name: string;
  /** Null: it was not there. */
  readonly before: string | null;
  readonly after: string | null;
};

/** What differs. Reflogs count when they got shorter, objects when they went without a new pack: both grow and are packed all the time. */
export function compareFingerprints(before: Fingerprint, after: Fingerprint): readonly Difference[] {
  const differences: Difference[] = [];
  let hasNewPack = false;
  let gone = 0;
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(key) ?? null, after.get(key) ?? null];
    if (was === is) continue;
    const { part, name } = splitKey(key);
    if (part === 'pack' || part === 'objects') {
      if (was === null) hasNewPack ||= part === 'pack';
      else if (is === null) gone++;
      else differences.push({ part, name, before: was, after: is });
    } else if (part !== 'reflog' || (was !== null && Number(is ?? 0) < Number(was)))
      differences.push({ part, name, before: was, after: is });
  }
  if (gone > 0 && !hasNewPack)
    differences.push({ part: 'objects', name: '', before: String(gone), after: null });
  return differences;
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
  'task path',
  'lock',
];

function splitKey(key: string): { readonly part: Part; readonly name: string } {
  const part = PARTS.find((one) => key.startsWith(`${one} `));
  if (part === undefined) throw new Error(`a fingerprint has ${key}`);
  return { part, name: key.slice(part.length + 1) };
}
