/** A program on a terminal of its own (util-linux `script`), with somebody who types and looks. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { waitFor } from './wait-for.ts';
import type { World } from './world.ts';

export const hasTerminal = spawnSync('script', ['--version']).status === 0;

export type TypistOptions = {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly columns?: number;
};

export class Typist {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #shown = '';

  constructor(world: World, command: readonly string[], options: TypistOptions = {}) {
    const words = command.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');
    const line = `stty cols ${options.columns ?? 100} rows 40; exec ${words}`;
    this.#child = spawn('script', ['-qfec', line, '/dev/null'], {
      cwd: options.cwd ?? world.repo,
      env: { ...world.env, TERM: 'xterm', SHELL: '/bin/sh', ...options.env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#shown += chunk.toString('utf8')));
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
  }

  /** Everything that was shown so far, with its control sequences. */
  get shown(): string {
    return this.#shown;
  }

  /** As a person reads it: colours and cursor movements left out. */
  get text(): string {
    return this.#shown.replaceAll(
      /\u001B(?:\[[0-9;?<>=]*[ -/]*[A-Za-z@]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)|[()][A-Z0-9]|[=>78])/g,
      '',
    );
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Waits until a pattern is shown after what was there when `since` was taken. */
  async until(pattern: RegExp, since = 0): Promise<string> {
    return waitFor(`${String(pattern)} in ${JSON.stringify(this.text.slice(since))}`, () => {
      const text = this.text.slice(since);
      return pattern.test(text) && text;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}\nshown: ${JSON.stringify(this.text)}`);
    });
  }

  /** Gives the exit code. */
  end(): Promise<number | null> {
    return this.#ended;
  }
}
