/**
 * What every script needs first: the dependencies of the lock file, and running a program to its end. Works
 * before anything is installed.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Runs a program in the project's folder, on this terminal. Gives its exit code; 128 and the signal's
 * number when a signal ended it, as shells do.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {object} [options]
 * @param {string} [options.cwd]
 * @param {Record<string, string | undefined>} [options.env]
 * @param {boolean} [options.detached] Whether it gets a process group of its own.
 * @param {(child: import('node:child_process').ChildProcess) => void} [options.onStart]
 * @returns {Promise<number>}
 */
export function run(file, args, { onStart, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: root, stdio: 'inherit', ...options });
    onStart?.(child);
    child.once('error', (error) => reject(new Failure(`${file} could not be started: ${error.message}`, 1)));
    child.once('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

/** Installs the dependencies when they are missing or not those of the lock file. Throws when that fails. */
export async function ensureInstalled() {
  const reason = whyInstall();
  if (reason === null) return;
  console.log(`npm ci  (${reason})`);
  const code = await run('npm', ['ci', '--no-audit', '--no-fund']);
  if (code !== 0) throw new Failure('npm ci failed', code);
}

/** Builds `dist/`. Throws when that fails. */
export async function build() {
  const code = await run(process.execPath, [join('scripts', 'build.mjs')]);
  if (code !== 0) throw new Failure('the build failed', code);
}

/**
 * For a script that cannot go on: says why in one line, and ends it.
 * @param {unknown} error
 * @returns {never}
 */
export function giveUp(error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`\n${error.message}`);
  process.exit(error.code);
}

/** A step that ended with another exit code than 0. */
export class Failure extends Error {
  /**
   * @param {string} message
   * @param {number} code
   */
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

/**
 * Why `npm ci` has to run, null when it has not. npm writes down what it has installed, in its last step;
 * the two lists are compared rather than the files' times, which a checkout or a copy changes at will.
 * @returns {string | null}
 */
function whyInstall() {
  const installedPath = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedPath)) return 'node_modules is missing or incomplete';
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(installedPath);
  const name = [...new Set([...wanted.keys(), ...installed.keys()])].find((path) => {
    const here = installed.get(path);
    const there = wanted.get(path);
    // Optional packages are for some platforms only.
    if (here === undefined) return there?.optional !== true;
    return there === undefined || here.version !== there.version || here.integrity !== there.integrity;
  });
  return name === undefined ? null : `${name} is not as package-lock.json says`;
}

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean }} Package
 * @param {string} path
 * @returns {Map<string, Package>}
 */
function readPackages(path) {
  /** @type {{ packages: Record<string, Package> }} */
  const { packages } = JSON.parse(readFileSync(path, 'utf8'));
  // The project itself is listed under the empty path.
  return new Map(Object.entries(packages).filter(([name]) => name !== ''));
}
