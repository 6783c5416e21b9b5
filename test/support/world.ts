/**
 * A world of its own for each test: a home, repositories, and every process that was started there. When the test ends, so does all of it.
 *
 * Git in a world knows no settings but the world's; nothing of the developer's machine has a say.
 */

import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Answer, TaskJson } from './answer.ts';
import { requireValid } from './schemas.ts';

/** The built program. */
export const CLI = fileURLToPath(new URL('../../dist/cli.cjs', import.meta.url));

/** Within the limit of a test (180 s), so that one that hangs can say where. */
const COMMAND_LIMIT_MS = 150_000;

export type Ran = {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Buffer;
};

export type RunOptions = {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly stdin?: string;
};

export class World {
  readonly root: string;
  readonly home: string;
  /** The repository that commands run in unless told otherwise. */
  repo: string;

  /** `below`: where, when not among the temporary files. */
  constructor(name: string, below = tmpdir()) {
    this.root = realpathSync(mkdtempSync(join(below, `world-${name}-`)));
    this.home = join(this.root, 'home');
    this.repo = join(this.root, 'repo');
    mkdirSync(this.home);
    writeFileSync(
      join(this.home, '.gitconfig'),
      [
        '[user]',
        'name = Ada Tester',
        'email = ada@example.com',
        '[init]',
        'defaultBranch = main',
        '[gc]',
        'auto = 0',
        '[protocol "file"]',
        'allow = always',
        '',
      ].join('\n'),
    );
  }

  get env(): Record<string, string> {
    return {
      PATH: process.env['PATH'] ?? '',
      HOME: this.home,
      LANG: 'C.UTF-8',
      GIT_CONFIG_NOSYSTEM: '1',
      PHASR_TEST_WORLD: this.root,
      // Agents of most tests tell their pids, and reach into the repository as their person would. `PHASR_TEST_SANDBOX=auto` puts walls around them, too.
      PHASR_SANDBOX: process.env['PHASR_TEST_SANDBOX'] ?? 'off',
    };
  }

  /** A file below the repository, with its folders. */
  write(path: string, content: string | Buffer, root = this.repo): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }

  read(path: string, root = this.repo): string {
    return readFileSync(join(root, path), 'utf8');
  }

  append(path: string, content: string, root = this.repo): void {
    appendFileSync(join(root, path), content);
  }

  has(path: string, root = this.repo): boolean {
    return existsSync(join(root, path));
  }

  /** `git init`, the files, one commit. */
  init(
    files: Record<string, string | Buffer> = { 'README.md': '# Demo\n', 'src/a.ts': 'export const a = 1;\n' },
    root = this.repo,
  ): void {
    mkdirSync(root, { recursive: true });
    this.git(['init', '-q'], root);
    this.commit('base', files, root);
  }

  commit(message: string, files: Record<string, string | Buffer>, root = this.repo): string {
    for (const [path, content] of Object.entries(files)) this.write(path, content, root);
    this.git(['add', '-A'], root);
    this.git(['commit', '-q', '--allow-empty', '-m', message], root);
    return this.git(['rev-parse', 'HEAD'], root);
  }

  /** Runs git and gives what it printed, without the last newline. Throws when it fails. */
  git(args: readonly string[], cwd = this.repo, env: Record<string, string> = {}): string {
    return this.gitBytes(args, cwd, env).toString('utf8').replace(/\n$/, '');
  }

  gitBytes(args: readonly string[], cwd = this.repo, env: Record<string, string> = {}): Buffer {
    const ran = spawnSync('git', args, { cwd, env: { ...this.env, ...env }, maxBuffer: 1 << 28 });
    if (ran.status === 0) return ran.stdout;
    throw new Error(`git ${args.join(' ')} in ${cwd}: exit ${ran.status}: ${ran.stderr.toString()}`);
  }

  /** Runs `phasr` to its end. */
  phasr(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return this.program(process.execPath, [CLI, ...args], options);
  }

  /** As {@link phasr}, for one that must succeed; gives standard output. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const ran = await this.phasr(args, options);
    if (ran.code !== 0)
      throw new Error(`phasr ${args.join(' ')}: exit ${ran.code}\n${ran.stdout}\n${ran.stderr}`);
    return ran.stdout;
  }

  async json(args: readonly string[], options: RunOptions = {}): Promise<Answer> {
    const ran = await this.phasr([...insertBeforeSeparator(args, '--json')], options);
    let answer: Answer & { readonly schema?: string };
    try {
      answer = JSON.parse(ran.stdout) as typeof answer;
    } catch {
      throw new Error(`phasr ${args.join(' ')}: exit ${ran.code}, no JSON\n${ran.stdout}\n${ran.stderr}`);
    }
    requireValid(answer, `phasr ${args.join(' ')}`);
    const { schema: _, ...fields } = answer;
    return fields;
  }

  /** One task whose agent is a shell script; waits until it has ended. Gives the task as JSON. */
  async task(
    script: string,
    options: { prompt?: string; args?: readonly string[] } & RunOptions = {},
  ): Promise<TaskJson> {
    const { prompt = 'do it', args = [], ...rest } = options;
    const launched = await this.json(['run', prompt, ...args, '--', 'sh', '-c', script], rest);
    if (launched.tasks === undefined) throw new Error(JSON.stringify(launched));
    const [task] = launched.tasks;
    if (task === undefined) throw new Error(JSON.stringify(launched));
    return task;
  }

  program(file: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = spawn(file, args, {
        cwd: options.cwd ?? this.repo,
        env: { ...this.env, ...options.env },
        stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      });
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
      child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
      child.stdin?.end(options.stdin);
      child.on('error', reject);
      const timer = setTimeout(() => {
        const words = `${args.join(' ')}: not over after ${COMMAND_LIMIT_MS} ms`;
        const printed = Buffer.concat([...out, ...err]).toString('utf8');
        reject(new Error([words, printed, this.describeProcesses()].join('\n')));
      }, COMMAND_LIMIT_MS);
      child.on('close', (code) => {
        clearTimeout(timer);
        const bytes = Buffer.concat(out);
        const stderr = Buffer.concat(err).toString('utf8');
        if (/\(node:\d+\)/.test(stderr)) return reject(new Error(`Node warned: ${stderr}`));
        return resolve({ code, stdout: bytes.toString('utf8'), stderr, bytes });
      });
    });
  }

  /**
   * Living processes of this world, those alone that carry a text in their environment. The world's own marker is always asked for: what is
   * found here is killed when the world ends.
   */
  processes(text = ''): number[] {
    const marker = `\0PHASR_TEST_WORLD=${this.root}\0`;
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        if (pid === process.pid) return false;
        try {
          const environment = `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`;
          const isZombie = /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
          return environment.includes(marker) && environment.includes(text) && !isZombie;
        } catch {
          // Safe to ignore: it has just ended, or is somebody else's.
          return false;
        }
      });
  }

  /** What lives in this world, one line each, with what it waits for: for the words of a test that hangs. */
  describeProcesses(): string {
    return this.processes()
      .map((pid) => {
        const read = (name: string): string => {
          try {
            return readFileSync(`/proc/${pid}/${name}`, 'latin1').replaceAll('\0', ' ').trim();
          } catch {
            // Safe to ignore: it has just ended, or the kernel does not tell.
            return '?';
          }
        };
        const [state, parent] = read('stat')
          .replace(/^.*\) /, '')
          .split(' ');
        return `${pid} of ${parent} ${state} ${read('wchan')} ${read('cmdline').slice(0, 200)}`;
      })
      .join('\n');
  }

  /** Runs `phasr` and kills it (not what it started) after a while, unless it has ended by then. */
  kill([, ...args]: readonly string[], afterMs: number): Promise<void> {
    return new Promise((resolve) => {
      const child = spawn(process.execPath, [CLI, ...args], {
        cwd: this.repo,
        env: this.env,
        stdio: 'ignore',
      });
      const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
      child.on('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** A living process's arguments, in one line. */
  commandLine(pid: number): string {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
    } catch {
      return '';
    }
  }

  /** Kills what lives at this moment. */
  killAll(): void {
    for (const pid of this.processes()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Safe to ignore: it has just ended.
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      if (this.processes().length === 0) break;
      this.killAll();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }
}

function insertBeforeSeparator(args: readonly string[], word: string): string[] {
  const at = args.indexOf('--');
  return at === -1 ? [...args, word] : [...args.slice(0, at), word, ...args.slice(at)];
}

export function makeWorld(name: string, below?: string): World {
  return new World(name, below);
}
