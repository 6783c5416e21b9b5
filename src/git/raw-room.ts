/**
 * Files as trees with their very bytes: no filter, no line endings, no attributes have a say. Beside the clean room, which makes what a commit would
 * hold; in its object store.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asOid, type Oid } from '../base/oid.ts';
import { uniqueName } from '../base/unique.ts';
import { findStat } from './files.ts';
import { type GitPlace, runGit } from './git.ts';

/** Nothing that the files themselves or the user's settings say about conversion applies. */
const ATTRIBUTES = '* -text -filter -ident !eol !working-tree-encoding\n';
const SETTINGS = [
  '[core]',
  '\tbare = false',
  '\tautocrlf = false',
  '\tsafecrlf = false',
  '\tfileMode = true',
  '\tsymlinks = true',
  '\tignoreCase = false',
  '\tprecomposeUnicode = false',
  '\tattributesFile = /dev/null',
];

/** A place over the files below `root`, with a new index file; call `dispose` when done with it. */
export type RawRoom = { readonly place: GitPlace; readonly dispose: () => void };

/** Opens it for a task's clean room, in whose object store trees are made. */
export function openRawRoom(objects: GitPlace, root: string, oidLength: number): RawRoom {
  const cleanDir = objects.gitDir;
  if (cleanDir === null) throw new Error('this needs the clean room');
  const gitDir = join(cleanDir, 'raw');
  if (findStat(join(gitDir, 'HEAD')) === undefined) writeRawGitDir(gitDir, oidLength);
  const index = join(gitDir, `index.${uniqueName()}`);
  const variables = {
    ...objects.variables,
    GIT_INDEX_FILE: index,
    GIT_OBJECT_DIRECTORY: join(cleanDir, 'objects'),
  };
  return {
    place: { cwd: root, gitDir, workTree: root, variables, inherited: objects.inherited },
    dispose: () => {
      rmSync(index, { force: true });
      rmSync(`${index}.lock`, { force: true });
    },
  };
}

/** HEAD last: with it the directory is one that git accepts. */
function writeRawGitDir(gitDir: string, oidLength: number): void {
  const isSha256 = oidLength === 64;
  const format = [`\trepositoryFormatVersion = ${isSha256 ? 1 : 0}`];
  const extensions = isSha256 ? ['[extensions]', '\tobjectFormat = sha256'] : [];
  for (const folder of ['info', 'objects', 'refs']) mkdirSync(join(gitDir, folder), { recursive: true });
  writeFileSync(join(gitDir, 'info', 'attributes'), ATTRIBUTES);
  writeFileSync(join(gitDir, 'config'), [...SETTINGS, ...format, ...extensions, ''].join('\n'));
  writeFileSync(join(gitDir, 'HEAD'), 'ref: refs/heads/phasr-nowhere\n');
}

/** Hashing many gigabytes may take long; a limit against hanging for ever. */
const TIMEOUT_MS = 60 * 60_000;

/**
 * The files and links at some paths as a tree; what is gone by now is left out. Undefined when one could not be read. Two git processes.
 */
export async function writeRawTree(room: RawRoom, paths: readonly Buffer[]): Promise<Oid | undefined> {
  const stdin = Buffer.concat(paths.flatMap((path) => [path, Buffer.from('\0')]));
  const args = ['update-index', '--add', '--remove', '-z', '--stdin'];
  const { exitCode } = await runGit(room.place, args, { stdin, ok: [0, 128], timeoutMs: TIMEOUT_MS });
  if (exitCode !== 0) return undefined;
  return asOid((await runGit(room.place, ['write-tree'])).stdout.toString('latin1').trim());
}

/** Writes a tree's files below the room's root, over what is there. Two git processes. */
export async function writeRawFiles(room: RawRoom, tree: Oid): Promise<void> {
  await runGit(room.place, ['read-tree', tree]);
  await runGit(room.place, ['checkout-index', '-a', '-f', '-q'], { timeoutMs: TIMEOUT_MS });
}
