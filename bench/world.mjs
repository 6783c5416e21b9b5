/**
 * A place of its own for a run of the benchmark: a home, a copy of the built program, and every process that
 * was started there. Git knows no settings but this home's, and when the run ends, so does all of it.
 */

import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * @typedef {object} Ran
 * @property {number | null} code
 * @property {string} stdout
 * @property {string} stderr
 * @property {number} ms From just before the start to the exit.
 */

/**
 * @typedef {object} RunOptions
 * @property {string} cwd
 * @property {Record<string, string>} [env] On top of the world's.
 * @property {string} [stdin]
 */

/** The variable that every process of a world carries, so that none is left behind. */
const MARKER = 'PHASR_BENCH';
const IDLE_LIMIT_MS = 10 * 60_000;

const GIT_CONFIG = [
  '[user]',
  'name = Ada Bench',
  'email = ada@example.com',
  '[init]',
  'defaultBranch = main',
  // A collection at a random moment would be measured as somebody's time.
  '[gc]',
  'auto = 0',
  '',
].join('\n');

export class World {
  constructor() {
    this.root = realpathSync(mkdtempSync(join(tmpdir(), 'phasr-bench-')));
    for (const folder of ['home', 'phasr', 'program', 'traces', 'signals', 'repos', 'worktrees'])
      mkdirSync(this.path(folder));
    writeFileSync(this.path('home', '.gitconfig'), GIT_CONFIG);
    this.count = 0;
  }

  /** @param {...string} names */
  path(...names) {
    return join(this.root, ...names);
  }

  /**
   * A path that nothing has yet.
   * @param {string} folder
   */
  fresh(folder) {
    return this.path(folder, String(++this.count));
  }

  /**
   * Built from nothing: what the caller's shell has set (options for Node, certificates, GIT_*) has no say.
   */
  get env() {
    return {
      PATH: process.env['PATH'] ?? '',
      HOME: this.path('home'),
      LANG: 'C.UTF-8',
      GIT_CONFIG_NOSYSTEM: '1',
      PHASR_HOME: this.path('phasr'),
      [MARKER]: this.root,
    };
  }

  get cli() {
    return this.path('program', 'dist', 'cli.cjs');
  }

  /** Copies the built program, so that a build during a long run does not change what is measured. */
  installProgram() {
    const project = fileURLToPath(new URL('..', import.meta.url));
    cpSync(join(project, 'dist'), this.path('program', 'dist'), { recursive: true });
    cpSync(join(project, 'package.json'), this.path('program', 'package.json'));
    symlinkSync(join(project, 'node_modules'), this.path('program', 'node_modules'));
  }

  /**
   * Runs a program to its end and takes the time.
   * @param {string} file
   * @param {readonly string[]} args
   * @param {RunOptions} options
   * @returns {Promise<Ran>}
   */
  run(file, args, { cwd, env = {}, stdin }) {
    return new Promise((resolve, reject) => {
      const startMs = performance.now();
      const child = spawn(file, args, {
        cwd,
        env: { ...this.env, ...env },
        stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      });
      let ms = 0;
      /** @type {Buffer[]} */
      const out = [];
      /** @type {Buffer[]} */
      const err = [];
      child.stdout?.on('data', (chunk) => out.push(chunk));
      child.stderr?.on('data', (chunk) => err.push(chunk));
      child.stdin?.end(stdin);
      child.on('error', reject);
      child.on('exit', () => (ms = performance.now() - startMs));
      child.on('close', (code) => {
        resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString(), ms });
      });
    });
  }

  /**
   * As {@link run}, for what must succeed: a failure measured as a time would be a lie.
   * @param {string} file
   * @param {readonly string[]} args
   * @param {RunOptions} options
   */
  async ok(file, args, options) {
    const ran = await this.run(file, args, options);
    if (ran.code === 0) return ran;
    throw new Error(`${file} ${args.join(' ')}: exit ${ran.code}\n${ran.stdout}${ran.stderr}`);
  }

  /**
   * @param {readonly string[]} args
   * @param {string} cwd
   */
  async git(args, cwd) {
    return (await this.ok('git', args, { cwd })).stdout.trimEnd();
  }

  /**
   * @param {readonly string[]} args
   * @param {RunOptions} options
   */
  phasr(args, options) {
    return this.ok(process.execPath, [this.cli, ...args], options);
  }

  /** Living processes of this world. */
  pids() {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => pid !== process.pid && this.#isOurs(pid));
  }

  /** @param {number} pid */
  #isOurs(pid) {
    try {
      const isZombie = /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
      const environment = `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`;
      return !isZombie && environment.includes(`\0${MARKER}=${this.root}\0`);
    } catch {
      // Safe to ignore: it has just ended, or belongs to another user.
      return false;
    }
  }

  /** Waits until nothing works in the background any more, and what was written has reached the disk. */
  async settle() {
    await until(() => this.pids().length === 0, 'background processes to end');
    await this.ok('sync', [], { cwd: this.root });
  }

  /**
   * Waits for the clock's next second. Most builds of git compare times in whole seconds: an index written in
   * the same second as its files is not trusted, and they are all read again. Nobody's work is over that
   * soon; here it would be measured as the program's time.
   */
  async nextSecond() {
    await delay(1000 - (Date.now() % 1000) + 10);
  }

  /**
   * Ends every process of this world and removes it. Synchronous: it is also the last thing done on Ctrl-C.
   */
  dispose() {
    for (let tries = 0; tries < 500; tries++) {
      const pids = this.pids();
      if (pids.length === 0) break;
      for (const pid of pids) kill(pid);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
    // Several times as fast as Node's own removal, with a million files.
    spawnSync('rm', ['-rf', '--', this.root], { stdio: 'inherit' });
    if (existsSync(this.root)) process.stderr.write(`could not remove ${this.root}\n`);
  }
}

/** @param {number} pid */
function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Safe to ignore: it has just ended.
  }
}

/**
 * Waits until something holds.
 * @param {() => boolean} holds
 * @param {string} what For the message when it never does.
 */
export async function until(holds, what) {
  const endMs = performance.now() + IDLE_LIMIT_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`waited too long for ${what}`);
    await delay(5);
  }
}
