/** Refs: listed through git, moved by compare-and-swap only, and read as plain text where an agent could have written them. */

import { join } from 'node:path';
import { PhasrError } from '../base/errors.ts';
import { asOid, type Oid, parseOid, type RefName } from '../base/oid.ts';
import { readPlainFile } from './files.ts';
import { commonDirOf, flushNames } from './flush.ts';
import { type GitPlace, runGit } from './git.ts';

/** The oids of some refs by their full names; what does not exist is not in the map. One git process. */
export async function readRefs(
  place: GitPlace,
  names: readonly RefName[],
): Promise<ReadonlyMap<string, Oid>> {
  const { stdout } = await runGit(place, [
    'for-each-ref',
    '--format=%(objectname) %(refname)',
    '--',
    ...names,
  ]);
  const wanted = new Set<string>(names);
  const found = new Map<string, Oid>();
  for (const line of stdout.toString('utf8').split('\n')) {
    const name = line.slice(line.indexOf(' ') + 1);
    // for-each-ref also matches what lies below a name.
    if (wanted.has(name)) found.set(name, asOid(line.slice(0, line.indexOf(' '))));
  }
  return found;
}

/** The names of all refs below some prefixes (without their closing slash), the prefixes themselves included. One git process. */
export async function listRefNames(
  place: GitPlace,
  prefixes: readonly RefName[],
): Promise<readonly string[]> {
  const { stdout } = await runGit(place, ['for-each-ref', '--format=%(refname)', '--', ...prefixes]);
  return stdout.toString('utf8').split('\n').slice(0, -1);
}

/** The commits that branches and remote branches are at, each once. One git process. */
export async function listTips(place: GitPlace): Promise<readonly Oid[]> {
  const args = ['for-each-ref', '--format=%(objectname)', '--', 'refs/heads/', 'refs/remotes/'];
  const { stdout } = await runGit(place, args);
  return [...new Set(stdout.toString('latin1').split('\n').slice(0, -1))].map(asOid);
}

/** `expected` null: the ref must not exist; `to` null: delete it. */
export type RefChange = { readonly name: RefName; readonly expected: Oid | null; readonly to: Oid | null };

/**
 * Changes refs in one transaction: all of them, or none when one is not what was expected.
 * Gives `moved` when compare-and-swap failed; the caller reads again and decides anew.
 */
export async function changeRefs(
  place: GitPlace,
  changes: readonly RefChange[],
  reason: string,
): Promise<'changed' | 'moved'> {
  const commands = changes.map(({ name, expected, to }) => {
    if (to === null) return expected === null ? '' : `delete ${name}\0${expected}\0`;
    return expected === null ? `create ${name}\0${to}\0` : `update ${name}\0${to}\0${expected}\0`;
  });
  const args = ['update-ref', '-z', '--stdin', '-m', `phasr: ${reason}`];
  const answer = await runGit(place, args, {
    stdin: commands.join(''),
    ok: [0, 128],
    retryLocks: true,
    durable: true,
  });
  if (answer.exitCode === 0) {
    const common = commonDirOf(place);
    await flushNames([join(common, 'packed-refs'), ...changes.map(({ name }) => join(common, name))]);
    return 'changed';
  }
  const now = await readRefs(
    place,
    changes.map((change) => change.name),
  );
  const asExpected = changes.every((change) => (now.get(change.name) ?? null) === change.expected);
  // Nothing moved, so git failed for another reason: show its own words.
  if (asExpected) await runGit(place, args, { stdin: commands.join(''), retryLocks: true, durable: true });
  return asExpected ? 'changed' : 'moved';
}

/** Somebody who moves the same refs again and again is at work on them. */
const PLANS_MAX = 5;

/**
 * Changes refs from wherever they are: planned anew when one was moved in between, by a person, or by a git that has outlived a killed process. Nothing is done
 * when the plan is empty. Throws `busy` when somebody is faster every time.
 */
export async function settleRefs(
  place: GitPlace,
  plan: () => readonly RefChange[],
  reason: string,
): Promise<void> {
  for (let tries = 0; tries < PLANS_MAX; tries++) {
    const changes = plan();
    if (changes.length === 0 || (await changeRefs(place, changes, reason)) === 'changed') return;
  }
  throw new PhasrError('busy', `refs are being moved by somebody else (${reason})`, { hint: 'Try again.' });
}

/** The most of a `packed-refs` file that is read: 2 million refs. */
const PACKED_REFS_BYTES_MAX = 256 * 1024 * 1024;

/** Reads a git dir's refs as files only: nothing in an agent's git dir is ever executed or followed. */
export function readRefAsText(gitDir: string, name: string): Oid | undefined {
  const loose = readPlainFile(join(gitDir, name), 256);
  const oid = loose === undefined ? undefined : parseOid(loose.trim());
  return oid ?? readPackedRefs(gitDir).get(name);
}

/** The refs in a git dir's `packed-refs` file, read as text. */
export function readPackedRefs(gitDir: string): ReadonlyMap<string, Oid> {
  return parsePackedRefs(readPlainFile(join(gitDir, 'packed-refs'), PACKED_REFS_BYTES_MAX) ?? '');
}

/** The refs in the text of a `packed-refs` file, by their full names (latin1). */
export function parsePackedRefs(text: string): ReadonlyMap<string, Oid> {
  const refs = new Map<string, Oid>();
  for (const line of text.split('\n')) {
    const blank = line.indexOf(' ');
    const oid = parseOid(line.slice(0, Math.max(0, blank)));
    if (oid !== undefined) refs.set(line.slice(blank + 1), oid);
  }
  return refs;
}
