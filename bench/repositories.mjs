/** Repositories to measure on: synthetic ones of any size, and copies of real ones. */

import { mkdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

/** @import { World } from './world.mjs' */

/**
 * A repository for the subject, and an equal one for the baseline.
 * @typedef {object} Fixture
 * @property {string} label
 * @property {number} files How many are tracked.
 * @property {number} bytes What one checkout takes on the disk, about.
 * @property {string} repo The subject's; its branch is checked out.
 * @property {string} clone The baseline's.
 * @property {string} base The commit both are at.
 * @property {string} editPath A tracked file for a one-file change.
 */

const FILES_PER_FOLDER = 100;
const DISK_BLOCK_BYTES = 4096;

/** @param {number} files */
export function syntheticLabel(files) {
  return `${files.toLocaleString('en')} files`;
}

/** @param {string} path */
export function realLabel(path) {
  return basename(resolve(path));
}

/**
 * @param {World} world
 * @param {number} files
 */
export async function makeSynthetic(world, files) {
  const repo = join(world.fresh('repos'), 'repo');
  mkdirSync(repo, { recursive: true });
  await world.git(['init', '-q'], repo);
  // Imported, not added: a loose object for each file would be written only for `gc` to delete it again (see `describe`).
  await world.ok('git', ['fast-import', '--quiet'], { cwd: repo, stdin: importStream(files) });
  await world.git(['reset', '-q', '--hard'], repo);
  await world.git(['gc', '-q'], repo);
  return describe(world, repo, syntheticLabel(files));
}

/**
 * @param {World} world
 * @param {string} path
 */
export async function copyReal(world, path) {
  const repo = join(world.fresh('repos'), realLabel(path));
  await world.git(['clone', '-q', '--no-hardlinks', resolve(path), repo], world.root);
  // The original may be at no branch at all, and a merge needs one.
  await world.git(['checkout', '-q', '-B', 'bench'], repo);
  await world.git(['gc', '-q'], repo);
  return describe(world, repo, realLabel(path));
}

/**
 * @param {World} world
 * @param {string} repo
 * @param {string} label
 * @returns {Promise<Fixture>}
 */
async function describe(world, repo, label) {
  const clone = join(world.fresh('repos'), 'clone');
  await world.git(['clone', '-q', '--no-hardlinks', repo, clone], world.root);
  const base = await world.git(['rev-parse', 'HEAD'], repo);
  const entries = (await world.git(['ls-tree', '-r', '-z', '--long', 'HEAD'], repo)).split('\0').slice(0, -1);
  const blobs = entries.filter((entry) => entry.includes(' blob '));
  const bytes = blobs.reduce((sum, entry) => sum + blocksOf(Number(/ (\d+)\t/.exec(entry)?.[1] ?? 0)), 0);
  const plain = blobs
    .filter((entry) => entry.startsWith('100644 '))
    .map((entry) => entry.slice(entry.indexOf('\t') + 1))
    // A line more in an attribute or ignore file might mean something to git.
    .filter((path) => !basename(path).startsWith('.'));
  const editPath = plain[Math.floor(plain.length / 2)];
  if (editPath === undefined) throw new Error(`${label} has no ordinary file to change`);
  return { label, files: blobs.length, bytes, repo, clone, base, editPath };
}

/** @param {number} bytes */
function blocksOf(bytes) {
  return Math.ceil((bytes + 1) / DISK_BLOCK_BYTES) * DISK_BLOCK_BYTES;
}

/**
 * One commit of many small files, as `git fast-import` reads it. The same files make the same commit, on
 * every machine.
 * @param {number} files
 */
function importStream(files) {
  const commit = [
    'commit refs/heads/main',
    'committer Ada Bench <ada@example.com> 1700000000 +0000',
    'data 5',
    'base',
    '',
  ];
  const entries = Array.from({ length: files }, (_, index) => {
    const folder = String(Math.floor(index / FILES_PER_FOLDER)).padStart(4, '0');
    const content = fileContent(index);
    const path = `part-${folder}/file-${String(index % FILES_PER_FOLDER).padStart(2, '0')}.txt`;
    return `M 100644 inline ${path}\ndata ${content.length}\n${content}\n`;
  });
  return `${commit.join('\n')}${entries.join('')}done\n`;
}

/**
 * A few hundred bytes that differ from file to file.
 * @param {number} index
 */
function fileContent(index) {
  const lines = 4 + (index % 9);
  return Array.from(
    { length: lines },
    (_, line) => `export const value${index}_${line} = ${(index * 7919 + line * 104_729) % 1_000_003};\n`,
  ).join('');
}
