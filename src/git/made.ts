/**
 * What an agent has made in its private git dir besides its branch: tags, branches, stashes, settings. Told by what it was given, a copy of which lies in the clean room.
 * Everything of the agent's is read as text; nothing is followed.
 */

import { closeSync, openSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../base/errors.ts';
import { type Oid, parseOid } from '../base/oid.ts';
import { findStat, readPlainFile } from './files.ts';
import { type GitPlace, runGit } from './git.ts';
import { parsePackedRefs, readPackedRefs } from './refs.ts';
import { givenPaths, type TaskDirs } from './task-dirs.ts';

/** A ref that the agent has made or moved. Names that are not UTF-8 are left out. */
type MadeRef = { readonly name: string; readonly oid: Oid };

export type Made = {
  readonly refs: readonly MadeRef[];
  readonly stashes: number;
  /** Keys of settings that it has added, changed or taken away; their values may be secrets. */
  readonly settings: readonly string[];
};

/** Of an agent that keeps to its branch. */
export const NOTHING_MADE: Made = { refs: [], stashes: 0, settings: [] };

const CONFIG_BYTES_MAX = 4 * 1024 * 1024;
/** The most of a `packed-refs` file that is read: 2 million refs. */
const PACKED_BYTES_MAX = 256 * 1024 * 1024;
const REFLOG_BYTES_MAX = 16 * 1024 * 1024;
/** Who makes more refs than this is shown these. */
const REFS_MAX = 10_000;

/** Looks at the private git dir. One git process when the settings' text differs from what was given, else none. */
export async function readMade(dirs: TaskDirs, own: string, place: GitPlace): Promise<Made> {
  const given = readGivenText(dirs);
  // Made by a version that kept no copy: what is the agent's cannot be told.
  if (given === undefined || findStat(dirs.privateDir)?.isDirectory() !== true) return NOTHING_MADE;
  const refs = listMadeRefs(dirs, own, given)
    .map(([name, oid]) => ({ name: Buffer.from(name, 'latin1').toString('utf8'), oid }))
    .filter(({ name }) => !name.includes('\u{FFFD}'));
  return { refs, stashes: countStashes(dirs), settings: await readMadeSettings(dirs, place) };
}

/** Full names of the refs that an agent has made or moved besides its branch. No git process. */
export function listMadeNames(dirs: TaskDirs, own: string): readonly string[] {
  const given = readGivenText(dirs);
  if (given === undefined) return [];
  return listMadeRefs(dirs, own, given).map(([name]) => Buffer.from(name, 'latin1').toString('utf8'));
}

function listMadeRefs(dirs: TaskDirs, own: string, givenText: string): readonly (readonly [string, Oid])[] {
  const packed = readPlainFile(join(dirs.privateDir, 'packed-refs'), PACKED_BYTES_MAX) ?? '';
  // There may be 50,000 of them, and mostly nobody has touched the file.
  const candidates = packed === givenText ? readLooseRefs(dirs) : readPrivateRefs(dirs);
  const other = [...candidates].filter(([name]) => name !== own && name !== 'refs/stash');
  if (other.length === 0) return [];
  const given = parsePackedRefs(givenText);
  return other.filter(([name, oid]) => given.get(name) !== oid);
}

/** Every ref of the private git dir by its full name (latin1): packed ones, and loose ones, which go before them. */
function readPrivateRefs(dirs: TaskDirs): ReadonlyMap<string, Oid> {
  return new Map([...readPackedRefs(dirs.privateDir), ...readLooseRefs(dirs)]);
}

function readLooseRefs({ privateDir }: TaskDirs): ReadonlyMap<string, Oid> {
  const refs = new Map<string, Oid>();
  for (const name of listLoose(privateDir, 'refs')) {
    const oid = parseOid((readPlainFile(join(privateDir, name), 256) ?? '').trim());
    if (oid !== undefined) refs.set(Buffer.from(name, 'utf8').toString('latin1'), oid);
  }
  return refs;
}

function listLoose(top: string, folder: string): readonly string[] {
  const names: string[] = [];
  const folders = [folder];
  for (let next = folders.pop(); next !== undefined && names.length < REFS_MAX; next = folders.pop()) {
    if (findStat(join(top, next))?.isDirectory() !== true) continue;
    for (const entry of readdirSync(join(top, next), { withFileTypes: true })) {
      const name = `${next}/${entry.name}`;
      if (entry.isDirectory()) folders.push(name);
      else if (entry.isFile() && !name.endsWith('.lock')) names.push(name);
    }
  }
  return names;
}

function countStashes({ privateDir }: TaskDirs): number {
  const log = readPlainFile(join(privateDir, 'logs/refs/stash'), REFLOG_BYTES_MAX) ?? '';
  return log.split('\n').filter((line) => line !== '').length;
}

async function readMadeSettings(dirs: TaskDirs, place: GitPlace): Promise<readonly string[]> {
  const [given, own] = [givenPaths(dirs).config, join(dirs.privateDir, 'config')];
  const [before, now] = [given, own].map((path) => readPlainFile(path, CONFIG_BYTES_MAX));
  if (before === undefined || now === undefined || before === now) return [];
  const [old, present] = await Promise.all([listSettingsOf(place, given), listSettingsOf(place, own)]);
  if (present === null || old === null) return ['(its config cannot be read)'];
  const entries = [
    ...present.filter((entry) => !old.includes(entry)),
    ...old.filter((entry) => !present.includes(entry)),
  ];
  return [...new Set(entries.map((entry) => entry.split('\n')[0] ?? ''))].sort();
}

/** Each as `key NEWLINE value`; null when git cannot read the file. Includes are not followed. */
async function listSettingsOf(place: GitPlace, file: string): Promise<readonly string[] | null> {
  const args = ['config', '--file', file, '--no-includes', '-z', '--list'];
  const { exitCode, stdout } = await runGit(place, args, { ok: [0, 1, 128] });
  return exitCode === 0 ? stdout.toString('utf8').split('\0').slice(0, -1) : null;
}

function readGivenText(dirs: TaskDirs): string | undefined {
  return readPlainFile(givenPaths(dirs).refs, PACKED_BYTES_MAX);
}

/** What giving newer refs came to: how many the task has now as the user has them, and which stay as the agent made them. */
export type Refreshed =
  | { readonly kind: 'refreshed'; readonly changed: number; readonly kept: readonly string[] }
  | { readonly kind: 'busy' };

/**
 * Gives the private git dir the user's refs as they are now (`packedRefs`, as a `packed-refs` file), but for those that the agent has made, moved or deleted. By git's
 * own protocol: `busy` when the agent's git holds the lock. The objects are borrowed, so nothing is copied.
 */
export function refreshRefs(dirs: TaskDirs, packedRefs: string): Refreshed {
  const given = parsePackedRefs(readGivenText(dirs) ?? '');
  const wanted = parsePackedRefs(packedRefs);
  const path = join(dirs.privateDir, 'packed-refs');
  let lock: number;
  try {
    lock = openSync(`${path}.lock`, 'wx', 0o644);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    return { kind: 'busy' };
  }
  try {
    const mine = readPrivateRefs(dirs);
    const packed = new Map(readPackedRefs(dirs.privateDir));
    const kept: string[] = [];
    let changed = 0;
    for (const name of new Set([...given.keys(), ...wanted.keys()])) {
      const next = wanted.get(name);
      if (mine.get(name) === next) continue;
      // A loose ref goes before a packed one, so it is the agent's, whatever it says.
      if (mine.get(name) !== given.get(name) || mine.get(name) !== packed.get(name)) {
        kept.push(Buffer.from(name, 'latin1').toString('utf8'));
        continue;
      }
      changed += 1;
      if (next === undefined) packed.delete(name);
      else packed.set(name, next);
    }
    const lines = [...packed]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, oid]) => `${oid} ${name}\n`);
    writeFileSync(lock, `# pack-refs with: sorted \n${lines.join('')}`, 'latin1');
    renameSync(`${path}.lock`, path);
    writeFileSync(givenPaths(dirs).refs, packedRefs, 'latin1');
    return { kind: 'refreshed', changed, kept };
  } catch (error) {
    rmSync(`${path}.lock`, { force: true });
    throw error;
  } finally {
    closeSync(lock);
  }
}
