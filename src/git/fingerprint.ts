/**
 * What of a repository, its worktrees and a few files besides must not change while an agent works that no walls hold back (ADR 0019). Read as files; git is asked for
 * the status of each worktree alone, and not even that when its settings have changed: they could make it run something.
 */

import { createHash } from 'node:crypto';
import { type Dirent, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import type { Difference } from './compare-fingerprints.ts';
import { findStat, readPathFile, readPlainFile } from './files.ts';
import type { GitPlace } from './git.ts';
import { listLocks } from './locks.ts';
import { readPackedRefs, readRefAsText } from './refs.ts';
import { readHead, worktreePlace } from './repository.ts';
import { exactStamp, INSTALLED, lookUp, type Taking, takeStatus, type Watched } from './status-print.ts';

/** What is looked at. Paths are absolute. */
export type Scene = {
  /** Null: nothing of the repository. */
  readonly commonDir: string | null;
  /** Below `worktrees/`, of the run itself; a launch has written it just before. */
  readonly ownEntry: string | null;
  /** The person's. */
  readonly worktrees: readonly { readonly path: string; readonly gitDir: string }[];
  /** Worktrees that nobody is at work in, by their task. */
  readonly resting: readonly { readonly id: number; readonly path: string }[];
  /** Folders that must stay the ones they are. */
  readonly folders: readonly string[];
  /** A folder in which nothing may appear or vanish; null for none. */
  readonly listed: string | null;
  /** Small files that need not be there, and whose contents are nobody's business: they are known by a hash alone. */
  readonly files: readonly string[];
  /** A folder of ours, made and removed: settings as they were before are read from there when others have taken their place. */
  readonly scratch: string;
  readonly inherited: Environment;
};

/** Values by `<part> <name>`. Of a file: its mode in octal, a blank, and its bytes as latin1; or its stamp, or a hash of it. */
export type Fingerprint = ReadonlyMap<string, string>;

/** Files and folders that a difference would touch, and from when on: whether anything was touched is seen without git. */
export type Watch = {
  readonly paths: readonly Watched[];
  readonly sinceMs: number;
  /** The folder whose names alone count, with them: a launch has touched it just before. */
  readonly listed: { readonly folder: string; readonly names: string } | null;
};

/** The kernel's clock for files stands still between its ticks: up to 10 ms (CONFIG_HZ=100). */
const TICK_MS = 20;

/** Larger ones are known by their stamp alone, and are not put back. */
const FILE_BYTES_MAX = 256 * 1024;
/** Of tasks at rest; what is beyond is not looked at. */
const RESTING_ENTRIES_MAX = 20_000;
/** Git packs them when they are 6,700 (gc.auto). */
const LOOSE_MAX = 20_000;
/** More refs and reflogs than this are not walked. */
const WALK_MAX = 200_000;
/** Not looked into: large, and nobody reviews it. */
const HEAVY = new Set(['.git', 'node_modules']);

const COMMON_FILES = [
  'config',
  'config.worktree',
  'shallow',
  'info/exclude',
  'info/attributes',
  'info/grafts',
  'info/sparse-checkout',
  'objects/info/alternates',
  // All stashes but the latest are in it alone.
  'logs/refs/stash',
];
const WORKTREE_FILES = ['config.worktree', 'info/sparse-checkout', 'gitdir', 'commondir', 'locked'];
/** What decides which programs git runs, and how it reads files. */
const SETTINGS = /\/(?:config|config\.worktree|attributes|\.gitconfig)$|\/git\/config$/;

/**
 * Looks at everything but tasks at rest ({@link findTouched}). Two git processes at once for each worktree of the person's. `before`: what it is to be compared with.
 */
export async function takeFingerprint(
  scene: Scene,
  before: Fingerprint | null,
): Promise<{ readonly print: Fingerprint; readonly watch: Watch }> {
  const sinceMs = Date.now() - TICK_MS;
  const taking: Taking = { found: new Map(), watched: [] };
  for (const path of scene.files) takeHash(taking, path);
  for (const path of scene.folders) takeFolder(taking, path);
  if (scene.listed !== null) takeListing(taking, scene.listed);
  if (scene.commonDir !== null) takeGitDir(taking, scene.commonDir, scene.ownEntry);
  const isSafe = before === null || !hasOtherSettings(before, taking.found);
  for (const worktree of scene.worktrees) {
    takeHead(taking, worktree);
    takeFolder(taking, worktree.path);
    if (findStat(worktree.path) === undefined) continue;
    const place = worktreePlace(worktree, scene.inherited);
    if (isSafe) await takeStatus(taking, worktree.path, place);
    else
      await withSettingsOf(before, scene, { place, look: (safe) => takeStatus(taking, worktree.path, safe) });
  }
  const { listed: folder } = scene;
  const listed = folder === null ? null : { folder, names: namesIn(folder).join('\0') };
  return { print: taking.found, watch: { paths: taking.watched, sinceMs, listed } };
}

/** Whether nothing that was watched has been touched since. What is gone has touched the folder that it was in. No git process. */
export function isUntouched({ paths, sinceMs, listed }: Watch): boolean {
  return (
    (listed === null || namesIn(listed.folder).join('\0') === listed.names) &&
    paths.every((path) => (lookUp(path)?.ctimeMs ?? 0) < sinceMs)
  );
}

/**
 * What was touched since in the worktrees of tasks at rest: files that are new or other ones, and folders in which something is new or gone. By their times alone, so
 * that nothing has to be known from before.
 */
export function findTouched(resting: Scene['resting'], sinceMs: number): readonly Difference[] {
  const found: Difference[] = [];
  let room = RESTING_ENTRIES_MAX;
  for (const { id, path: top } of resting) {
    const folders = [top];
    for (let folder = folders.pop(); folder !== undefined && room > 0; folder = folders.pop()) {
      const before = found.length;
      for (const entry of entriesOf(folder)) {
        if (--room <= 0) break;
        const path = join(folder, entry.name);
        if (entry.isDirectory()) {
          if (!HEAVY.has(entry.name)) folders.push(path);
        } else if ((lookUp(path)?.ctimeMs ?? 0) >= sinceMs - TICK_MS)
          found.push({ part: 'task path', name: `${id} ${path}`, before: 'there', after: 'touched' });
      }
      const hasTouched = (lookUp(folder)?.ctimeMs ?? 0) >= sinceMs - TICK_MS;
      if (hasTouched && found.length === before)
        found.push({ part: 'task path', name: `${id} ${folder}/`, before: 'there', after: 'touched' });
    }
  }
  return found;
}

/** Whether a file of a worktree has another name besides: walls do not hold what is written into it. Within the limits of {@link findTouched}. */
export function hasHardLinks(top: string): boolean {
  const folders = [top];
  let room = RESTING_ENTRIES_MAX;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of entriesOf(folder)) {
      if (--room <= 0) return false;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!HEAVY.has(entry.name)) folders.push(path);
      } else if (entry.isFile() && (lookUp(path)?.nlink ?? 1) > 1) return true;
    }
  }
  return false;
}

/** Of installed packages; what is beyond is not looked at. */
const INSTALLED_ENTRIES_MAX = 50_000;
/** What tools make while they run what is installed. */
const CACHES = new Set(['__pycache__', '.cache']);

/**
 * Packages in ignored folders of the person's in which something was written since, by its own times: those that a run alone is judged by, at its end, for there are many files. Links are
 * not followed, hidden folders beside the packages are their tools'.
 */
export function findTouchedPackages(print: Fingerprint, sinceMs: number): readonly Difference[] {
  const found: Difference[] = [];
  const room = { entries: INSTALLED_ENTRIES_MAX };
  for (const key of print.keys()) {
    const top = key.startsWith('ignored ') ? key.slice('ignored '.length) : '';
    if (!INSTALLED.has(basename(top))) continue;
    for (const { name } of entriesOf(top)) {
      const path = join(top, name);
      if ((!name.startsWith('.') || name === '.bin') && isWritten(path, { sinceMs, room }))
        found.push({ part: 'ignored', name: path, before: 'there', after: 'written' });
    }
  }
  return found;
}

function isWritten(
  top: string,
  { sinceMs, room }: { readonly sinceMs: number; readonly room: { entries: number } },
): boolean {
  const waiting = [top];
  for (let path = waiting.pop(); path !== undefined && --room.entries > 0; path = waiting.pop()) {
    const stat = lookUp(path);
    if (stat !== undefined && stat.mtimeMs >= sinceMs) return true;
    if (stat?.isDirectory() !== true) continue;
    for (const { name } of entriesOf(path)) if (!CACHES.has(name)) waiting.push(join(path, name));
  }
  return false;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Safe to ignore: not there, or closed to us; what was in it is gone then.
    return [];
  }
}

function takeHash(taking: Taking, path: string): void {
  takeFile(taking, path);
  const value = taking.found.get(`file ${path}`);
  if (value !== undefined)
    taking.found.set(`file ${path}`, `hash ${createHash('sha256').update(value).digest('hex')}`);
}

function takeFile({ found, watched }: Taking, path: string): void {
  watched.push(path);
  const stat = lookUp(path);
  if (stat === undefined || stat.isDirectory()) return;
  const text = readPlainFile(path, FILE_BYTES_MAX);
  const mode = (stat.mode & 0o7777).toString(8);
  found.set(`file ${path}`, text === undefined ? `stamp ${exactStamp(path)}` : `${mode} ${text}`);
}

/** Not watched: its times change with everything in it. */
function takeFolder({ found }: Taking, path: string): void {
  const stat = lookUp(path);
  if (stat !== undefined) found.set(`folder ${path}`, `${stat.dev}:${stat.ino}`);
}

function takeListing({ found }: Taking, folder: string): void {
  for (const name of namesIn(folder)) found.set(`listed ${join(folder, name)}`, 'there');
}

function takeGitDir(taking: Taking, commonDir: string, ownEntry: string | null): void {
  for (const name of COMMON_FILES) takeFile(taking, join(commonDir, name));
  const hooks = join(commonDir, 'hooks');
  const places = ['hooks', 'info', 'packed-refs'].map((name) => join(commonDir, name));
  taking.watched.push(commonDir, ...places);
  for (const name of namesIn(hooks)) takeFile(taking, join(hooks, name));
  for (const name of namesIn(join(commonDir, 'worktrees'))) {
    const folder = join(commonDir, 'worktrees', name);
    if (folder === ownEntry) continue;
    for (const file of WORKTREE_FILES) takeFile(taking, join(folder, file));
  }
  for (const [name, oid] of readPackedRefs(commonDir)) taking.found.set(`ref ${name}`, oid);
  for (const { path, isFolder } of walk(commonDir, 'refs')) {
    const isOurs = /^refs\/(?:phasr|heads\/phasr)(?:\/|$)/.test(path);
    if (!isOurs) taking.watched.push(join(commonDir, path));
    if (isFolder || path.endsWith('.lock')) continue;
    const text = readPathFile(join(commonDir, path));
    if (text !== undefined && text !== '') taking.found.set(`ref ${path}`, text);
  }
  for (const { path, isFolder } of walk(commonDir, 'logs'))
    if (!isFolder && path !== 'logs/refs/stash')
      taking.found.set(`reflog ${path}`, String(lookUp(join(commonDir, path))?.size ?? 0));
  takeFolder(taking, join(commonDir, 'rr-cache'));
  takeObjects(taking, join(commonDir, 'objects'));
  for (const { path, inode } of listLocks(commonDir)) taking.found.set(`lock ${path}`, String(inode));
}

/** By inode and size: git writes an object once, and may touch its times later; `@` stands before the time, in milliseconds. */
function takeObjects({ found }: Taking, objects: string): void {
  const take = (part: string, path: string): void => {
    const stat = lookUp(join(objects, path));
    if (stat !== undefined)
      found.set(`${part} ${path}`, `${stat.ino}:${stat.size}@${Math.floor(stat.mtimeMs)}`);
  };
  for (const name of namesIn(join(objects, 'pack')))
    if (/\.(?:pack|idx)$/.test(name)) take('pack', `pack/${name}`);
  let room = LOOSE_MAX;
  for (const folder of namesIn(objects)) {
    if (!/^[0-9a-f]{2}$/.test(folder)) continue;
    for (const name of namesIn(join(objects, folder))) if (--room > 0) take('objects', `${folder}/${name}`);
  }
}

/** What is below a folder, itself included, links not followed. Names are relative to `top`. */
function* walk(
  top: string,
  folder: string,
): Generator<{ readonly path: string; readonly isFolder: boolean }> {
  const waiting = [folder];
  let seen = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    yield { path: next, isFolder: true };
    for (const entry of entriesOf(join(top, next))) {
      if (++seen > WALK_MAX) return;
      const path = `${next}/${entry.name}`;
      if (entry.isDirectory()) waiting.push(path);
      else yield { path, isFolder: false };
    }
  }
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // Safe to ignore: as in namesIn.
    return [];
  }
}

function takeHead({ found, watched }: Taking, { path, gitDir }: Scene['worktrees'][number]): void {
  const file = join(gitDir, 'HEAD');
  watched.push(file, join(gitDir, 'index'));
  found.set(`head ${path}`, readPathFile(file) ?? 'gone');
}

/**
 * Lets git look at a worktree with the settings, excludes and attributes that its repository had before: what it has now could make git run something. The index, the objects and HEAD are
 * as they are now. Settings of the person's that have changed as well are left out.
 */
async function withSettingsOf(
  before: Fingerprint,
  { commonDir, scratch }: Scene,
  { place, look }: { readonly place: GitPlace; readonly look: (safe: GitPlace) => Promise<void> },
): Promise<void> {
  const { gitDir } = place;
  if (commonDir === null || gitDir === null) throw new Error('this needs a worktree');
  try {
    mkdirSync(join(scratch, 'refs'), { recursive: true, mode: 0o700 });
    mkdirSync(join(scratch, 'info'), { recursive: true, mode: 0o700 });
    for (const name of ['config', 'info/exclude', 'info/attributes'])
      writeFileSync(
        join(scratch, name),
        fileBytes(before.get(`file ${join(commonDir, name)}`)) ?? '',
        'latin1',
      );
    writeFileSync(join(scratch, 'HEAD'), `${headOid(commonDir, gitDir) ?? 'ref: refs/heads/none'}\n`);
    await look({
      ...place,
      gitDir: scratch,
      variables: {
        ...place.variables,
        GIT_INDEX_FILE: join(gitDir, 'index'),
        GIT_OBJECT_DIRECTORY: join(commonDir, 'objects'),
        GIT_CONFIG_GLOBAL: '/dev/null',
      },
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The bytes of a file as a fingerprint holds them; undefined when it was not there, or is known by its stamp alone. */
export function fileBytes(value: string | undefined): string | undefined {
  const blank = value?.indexOf(' ') ?? -1;
  return value === undefined || /^(?:stamp|hash) /.test(value) ? undefined : value.slice(blank + 1);
}

function headOid(commonDir: string, gitDir: string): string | undefined {
  const head = readHead(gitDir);
  if (head === undefined) return undefined;
  return 'detached' in head ? head.detached : readRefAsText(commonDir, `refs/heads/${head.branch}`);
}

function hasOtherSettings(before: Fingerprint, now: Fingerprint): boolean {
  const keys = [...before.keys(), ...now.keys()].filter(
    (key) => key.startsWith('file ') && SETTINGS.test(key),
  );
  return keys.some((key) => before.get(key) !== now.get(key));
}
