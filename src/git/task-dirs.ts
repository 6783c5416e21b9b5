/**
 * The two git dirs of a task (ADR 0004), written as plain files in one go.
 *
 * The *private git dir* is the agent's: a small bare repository that borrows the user's objects, so that stash, config, gc, branch and
 * tag touch nobody. The *clean room* is Phasr's: own settings taken from the user, own index, own object store; trees and commits are made there and
 * no agent's file is ever a setting there.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import type { Oid } from '../base/oid.ts';
import { copiedSettings, listSettings, renderConfig, type Setting, settingValue } from './config.ts';
import { type GitPlace, runGit } from './git.ts';
import { readPlainFile } from './files.ts';
import { TOKEN_FILE } from './registration.ts';

export type TaskDirs = {
  /** The private git dir; writable by the agent and so never trusted. */
  readonly privateDir: string;
  /** The private git dir's own entry for the worktree; the worktree's `.git` file points here. */
  readonly privateAdminDir: string;
  readonly cleanDir: string;
  /** The worktree's entry in the user's repository, so that his git and his tools see it. */
  readonly registrationDir: string;
  readonly worktreePath: string;
};

/** Where a task's git dirs are. Pure. */
export function taskDirs(
  task: { id: number; worktreePath: string },
  places: { commonDir: string; taskDir: string },
): TaskDirs {
  const name = worktreeName(task.id);
  return {
    privateDir: join(places.taskDir, 'git'),
    privateAdminDir: join(places.taskDir, 'git', 'worktrees', name),
    cleanDir: join(places.taskDir, 'clean'),
    registrationDir: join(places.commonDir, 'worktrees', name),
    worktreePath: task.worktreePath,
  };
}

/** A worktree's entry below `worktrees/`, in the user's repository and in the private one. */
export function worktreeName(taskId: number): string {
  return `phasr-${taskId}`;
}

/** What the user's repository says, as far as a task's git dirs depend on it. */
export type RepositoryFacts = {
  readonly commonDir: string;
  readonly objectFormat: 'sha1' | 'sha256';
  readonly settings: readonly Setting[];
  /** A `packed-refs` file for the private git dir: all refs but the stash and Phasr's own. */
  readonly packedRefs: string;
  /** Symbolic refs among them: name → name. */
  readonly symbolicRefs: readonly (readonly [string, string])[];
  readonly sparsePatterns: string | null;
  readonly exclude: string;
  readonly attributes: string;
  readonly shallow: string | null;
};

const SMALL_FILE_BYTES_MAX = 16 * 1024 * 1024;

/** Reads what {@link writeTaskDirs} needs. Two git processes, at once. */
export async function readRepositoryFacts(
  repository: GitPlace & { readonly commonDir: string },
  { launchGitDir, base }: { readonly launchGitDir: string; readonly base: Oid },
): Promise<RepositoryFacts> {
  // Settings are those of the worktree the task was launched from.
  const settingsPlace: GitPlace = { ...repository, gitDir: launchGitDir };
  const [settings, refs] = await Promise.all([
    listFromExisting(settingsPlace, repository),
    listRefs(repository),
  ]);
  const read = (path: string): string | null => readPlainFile(path, SMALL_FILE_BYTES_MAX) ?? null;
  return {
    commonDir: repository.commonDir,
    // An object id's length tells the format.
    objectFormat: base.length === 64 ? 'sha256' : 'sha1',
    settings,
    ...refs,
    sparsePatterns: read(join(launchGitDir, 'info', 'sparse-checkout')),
    exclude: read(join(repository.commonDir, 'info', 'exclude')) ?? '',
    attributes: read(join(repository.commonDir, 'info', 'attributes')) ?? '',
    shallow: read(join(repository.commonDir, 'shallow')),
  };
}

async function listFromExisting(place: GitPlace, fallback: GitPlace): Promise<readonly Setting[]> {
  const exists = readPlainFile(join(place.gitDir ?? '', 'HEAD'), 4096) !== undefined;
  return listSettings(exists ? place : fallback);
}

async function listRefs(place: GitPlace): Promise<Pick<RepositoryFacts, 'packedRefs' | 'symbolicRefs'>> {
  const { stdout } = await runGit(place, ['for-each-ref', '--format=%(objectname) %(refname)%00%(symref)']);
  // for-each-ref sorts by name, as a packed-refs file wants it.
  const lines = ['# pack-refs with: sorted '];
  const symbolicRefs: (readonly [string, string])[] = [];
  for (const line of stdout.toString('latin1').split('\n')) {
    const [entry = '', target = ''] = line.split('\0');
    const name = entry.slice(entry.indexOf(' ') + 1);
    if (entry === '' || isWithheld(name)) continue;
    if (target === '') lines.push(entry);
    else if (!isWithheld(target)) symbolicRefs.push([name, target]);
  }
  return { packedRefs: `${lines.join('\n')}\n`, symbolicRefs };
}

/** A task sees the user's branches, tags and remotes; not his stash, and no other task. */
function isWithheld(name: string): boolean {
  return name === 'refs/stash' || name.startsWith('refs/phasr/') || name.startsWith('refs/heads/phasr/');
}

/** Writes both git dirs. They must not exist yet; nothing outside them is touched. */
export function writeTaskDirs(
  dirs: TaskDirs,
  facts: RepositoryFacts,
  task: { branch: string; base: Oid },
): void {
  const objects = join(facts.commonDir, 'objects');
  const common = { alternates: [objects], facts };
  writeGitDir(dirs.privateDir, {
    ...common,
    head: 'ref: refs/heads/phasr-nowhere',
    config: privateConfig(facts),
  });
  write(dirs.privateDir, 'packed-refs', facts.packedRefs);
  for (const [name, target] of facts.symbolicRefs) write(dirs.privateDir, name, `ref: ${target}\n`);
  write(dirs.privateDir, `refs/heads/${task.branch}`, `${task.base}\n`);
  writePrivateEntry(dirs, task.branch);
  if (facts.sparsePatterns !== null)
    write(dirs.privateAdminDir, 'info/sparse-checkout', facts.sparsePatterns);

  // A look at the files compares the index with this, too; with nothing there it would list every path.
  writeGitDir(dirs.cleanDir, { ...common, head: task.base, config: cleanConfig(facts) });
  if (facts.sparsePatterns !== null) write(dirs.cleanDir, 'info/sparse-checkout', facts.sparsePatterns);
  const given = givenPaths(dirs);
  writeFileSync(given.refs, facts.packedRefs, 'latin1');
  writeFileSync(given.config, privateConfig(facts), 'latin1');
}

/** Copies of the refs and settings that the agent was given; what differs from them is its own. */
export function givenPaths({ cleanDir }: Pick<TaskDirs, 'cleanDir'>): {
  readonly refs: string;
  readonly config: string;
} {
  return { refs: join(cleanDir, 'given-refs'), config: join(cleanDir, 'given-config') };
}

/** Writes the private git dir's own entry for the worktree; the index comes later. */
export function writePrivateEntry(dirs: TaskDirs, branch: string): void {
  write(dirs.privateAdminDir, 'HEAD', `ref: refs/heads/${branch}\n`);
  write(dirs.privateAdminDir, 'commondir', '../..\n');
  writePath(dirs.privateAdminDir, 'gitdir', join(dirs.worktreePath, '.git'));
}

/** Writes the worktree's entry for the user's repository into `directory`; the caller renames it into place, whole. */
export function writeRegistration(
  directory: string,
  task: { id: number; branch: string; worktreePath: string; token?: string | null },
): void {
  write(directory, 'HEAD', `ref: refs/heads/${task.branch}\n`);
  write(directory, 'commondir', '../..\n');
  writePath(directory, 'gitdir', join(task.worktreePath, '.git'));
  write(directory, 'locked', lockReason(task.id));
  if (task.token !== undefined && task.token !== null) write(directory, TOKEN_FILE, `${task.token}\n`);
}

/** Why a registration is locked; also how one of ours is told from a worktree of the user's. */
export function lockReason(taskId: number): string {
  return `phasr task ${taskId}; see: phasr show ${taskId}\n`;
}

/** What a worktree's `.git` file says. */
export function gitFileText(dirs: TaskDirs): string {
  return `gitdir: ${dirs.privateAdminDir}\n`;
}

type GitDirParts = {
  readonly facts: RepositoryFacts;
  readonly head: string;
  readonly config: string;
  readonly alternates: readonly string[];
};

function writeGitDir(gitDir: string, parts: GitDirParts): void {
  for (const folder of ['objects/pack', 'refs/heads', 'refs/tags'])
    mkdirSync(join(gitDir, folder), { recursive: true });
  write(gitDir, 'HEAD', `${parts.head}\n`);
  write(gitDir, 'config', parts.config);
  writeFileSync(within(gitDir, 'objects/info/alternates'), parts.alternates.map(renderAlternate).join(''));
  write(gitDir, 'info/exclude', parts.facts.exclude);
  if (parts.facts.attributes !== '') write(gitDir, 'info/attributes', parts.facts.attributes);
  if (parts.facts.shallow !== null) write(gitDir, 'shallow', parts.facts.shallow);
}

/** A line of `objects/info/alternates`; unusual paths are quoted as in C (git's `unquote_c_style`). */
export function renderAlternate(path: string): string {
  const plain = !/["\\\n]/.test(path) && !path.startsWith('#');
  if (plain) return `${path}\n`;
  const quoted = path.replaceAll(/["\\]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`);
  return `"${quoted}"\n`;
}

/** The variable that names one more object store: a list, in which an unusual path is quoted as in C. */
export function alternateVariable(path: string): { readonly GIT_ALTERNATE_OBJECT_DIRECTORIES: string } {
  const isPlain = !path.includes(delimiter) && !/["\\\n]/.test(path);
  const quoted = `"${path.replaceAll(/["\\]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`)}"`;
  return { GIT_ALTERNATE_OBJECT_DIRECTORIES: isPlain ? path : quoted };
}

function ownSettings(facts: RepositoryFacts): { key: string; value: string }[] {
  const partialClone = settingValue(facts.settings, 'extensions.partialclone');
  const sha256 = facts.objectFormat === 'sha256';
  const hasExtension = sha256 || partialClone !== undefined;
  return [
    { key: 'core.repositoryformatversion', value: hasExtension ? '1' : '0' },
    { key: 'core.bare', value: 'true' },
    ...(sha256 ? [{ key: 'extensions.objectformat', value: 'sha256' }] : []),
    ...(partialClone === undefined ? [] : [{ key: 'extensions.partialclone', value: partialClone }]),
    { key: 'gc.auto', value: '0' },
    // Also what an agent commits is there after a power cut. A batch is one flush for all objects of a `git add`.
    { key: 'core.fsync', value: 'committed,reference' },
    { key: 'core.fsyncmethod', value: 'batch' },
  ];
}

/** The agent's settings: the user's, his hooks, and reflogs as in a checkout. */
function privateConfig(facts: RepositoryFacts): string {
  const copied = copiedSettings(facts.settings);
  const given = [
    ...ownSettings(facts),
    { key: 'core.logallrefupdates', value: 'true' },
    { key: 'core.hookspath', value: latin1Bytes(hooksPath(facts.settings, facts.commonDir)) },
    ...identity(facts.settings),
  ];
  // The user's goes before; of a key that is there twice git would let the agent set none.
  return renderConfig([...given.filter(({ key }) => !copied.some((own) => own.key === key)), ...copied]);
}

/** Who the user is, wherever he says so: some agents hide his global settings from their git (Gemini CLI does), and could not commit. */
function identity(settings: readonly Setting[]): readonly Omit<Setting, 'scope'>[] {
  return ['user.name', 'user.email'].flatMap((key) => {
    const value = settingValue(settings, key);
    return value === undefined || value === '' ? [] : [{ key, value }];
  });
}

/** Phasr's settings: the user's; large files go to the LFS store of the user's repository, where a merge will look for them. */
function cleanConfig(facts: RepositoryFacts): string {
  const configured = settingValue(facts.settings, 'lfs.storage') ?? 'lfs';
  const storage = isAbsolute(configured) ? configured : `${latin1Bytes(facts.commonDir)}/${configured}`;
  return renderConfig([
    ...ownSettings(facts),
    ...copiedSettings(facts.settings),
    { key: 'lfs.storage', value: storage },
  ]);
}

/** Where the user's hooks are; a relative path is relative to each worktree, as in git. */
export function hooksPath(settings: readonly Setting[], commonDir: string): string {
  const configured = settingValue(settings, 'core.hookspath');
  return configured === undefined
    ? join(commonDir, 'hooks')
    : Buffer.from(configured, 'latin1').toString('utf8');
}

/** A path's UTF-8 bytes as latin1 text, the form in which settings are kept. */
export function latin1Bytes(path: string): string {
  return Buffer.from(path, 'utf8').toString('latin1');
}

function write(directory: string, name: string, latin1Text: string): void {
  writeFileSync(within(directory, name), latin1Text, 'latin1');
}

/** Paths of ours are UTF-8 strings, unlike settings and refs, whose bytes are kept as latin1. */
function writePath(directory: string, name: string, path: string): void {
  writeFileSync(within(directory, name), `${path}\n`);
}

function within(directory: string, name: string): string {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  return path;
}
