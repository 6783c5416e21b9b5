/**
 * Loads a file of the program with what V8 has compiled of it before (ADR 0017): to compile it anew is a fifth of the time that a command takes.
 * The first thing that each of our processes does; nothing else may be imported here.
 */

import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire, wrap } from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { Script } from 'node:vm';
import { uniqueName } from './base/unique.ts';
import { userPaths } from './store/paths.ts';

declare const PHASR_VERSION: string;

export type Loaded<Exports> = {
  readonly exports: Exports;
  /** Keeps what is compiled by now for the next process, if it was not there. Nothing goes wrong when it cannot. */
  readonly keep: () => void;
};

/** A body of 700 KB compiles to half a megabyte. */
const COMPILED_BYTES_MAX = 16 * 1024 * 1024;

/** Files of earlier versions, and of other versions of Node, beyond these are deleted. */
const KEPT_MAX = 8;

/** Loads `<name>.cjs`, which lies beside the running program. Throws what the file throws. */
export function loadCompiled<Exports>(name: string, programPath: string): Loaded<Exports> {
  const path = join(dirname(programPath), `${name}.cjs`);
  const { size, ctimeMs } = statSync(path);
  const home = userPaths(definedHome(), homedir()).root;
  const folder = join(home, 'code');
  // V8 checks that it is its own version's, and of the source the length alone. A package's files all have one time of change, but not of their arrival here.
  const key = [name, PHASR_VERSION, process.version, process.arch, size, ctimeMs].join('-');
  const compiledPath = join(folder, `${key}.bin`);
  // A relative one means another folder in each directory: a repository could bring code along.
  const cachedData = isAbsolute(home) ? readOwnFile(compiledPath) : undefined;
  const source = wrap(readFileSync(path, 'utf8'));
  const script = new Script(source, { filename: path, ...(cachedData === undefined ? {} : { cachedData }) });
  const module = { exports: {} };
  const run = script.runInThisContext() as (...parts: readonly unknown[]) => void;
  run.call(module.exports, module.exports, createRequire(path), module, path, dirname(path));
  const isKept = cachedData !== undefined && script.cachedDataRejected !== true;
  return {
    exports: module.exports as Exports,
    keep: () => {
      // Where Phasr was never used it leaves no trace.
      if (isKept || !isAbsolute(home) || !existsSync(home)) return;
      try {
        writeCompiled(folder, compiledPath, script.createCachedData());
      } catch {
        // Safe to ignore: a full or read-only disk; the next process compiles again.
      }
    },
  };
}

function definedHome(): Readonly<Record<string, string>> {
  const { PHASR_HOME: home } = process.env;
  return home === undefined ? {} : { PHASR_HOME: home };
}

/** What is read here is run: it must be the user's own. */
function readOwnFile(path: string): Buffer | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    // Safe to ignore: there is none.
    return undefined;
  }
  try {
    const { uid, size } = fstatSync(file);
    return uid === (process.getuid?.() ?? 0) && size <= COMPILED_BYTES_MAX ? readFileSync(file) : undefined;
  } finally {
    closeSync(file);
  }
}

function writeCompiled(folder: string, path: string, data: Buffer): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const partial = `${path}.${uniqueName()}.new`;
  const file = openSync(partial, 'wx', 0o600);
  try {
    try {
      writeFileSync(file, data);
      // Half of it would be run after a power cut.
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  const files = readdirSync(folder).map((name) => join(folder, name));
  const byAge = files
    .map((name) => ({ name, ms: statSync(name).mtimeMs }))
    .toSorted((one, other) => other.ms - one.ms);
  for (const { name } of byAge.slice(KEPT_MAX)) rmSync(name, { force: true });
}
