/** A terminal of a certain size with a shell in it (tmux), for tests of what a person sees. It ends with its world. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { textWidth } from '../../src/cli/width.ts';
import { waitFor } from './wait-for.ts';
import type { World } from './world.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.cjs', import.meta.url));

export const hasTmux = spawnSync('tmux', ['-V']).status === 0;

type Size = { readonly columns: number; readonly rows: number };

export class Terminal {
  readonly #world: World;

  /** Starts the shell in the world's repository; `phasr` is in its PATH. */
  constructor(world: World, { columns, rows }: Size) {
    this.#world = world;
    const bin = join(world.root, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'phasr'), `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`, {
      mode: 0o755,
    });
    const options = [
      'status off',
      'window-size manual',
      'default-terminal tmux-256color',
      'history-limit 9000',
    ];
    this.#tmux([
      ...['-f', '/dev/null', '-u', 'new-session', '-d', '-x', String(columns), '-y', String(rows)],
      ...[
        'exec env PS1="$ " ENV= sh',
        ...options.flatMap((option) => [';', 'set', '-g', ...option.split(' ')]),
      ],
    ]);
  }

  #tmux(args: readonly string[]): string {
    const ran = spawnSync('tmux', ['-S', join(this.#world.root, 'tmux'), ...args], {
      cwd: this.#world.repo,
      env: { ...this.#world.env, PATH: `${join(this.#world.root, 'bin')}:${this.#world.env['PATH']}` },
      encoding: 'utf8',
    });
    if (ran.status === 0) return ran.stdout;
    throw new Error(`tmux ${args.join(' ')}: exit ${ran.status}: ${ran.stderr}`);
  }

  /** Types a line and Enter. */
  enter(line: string): void {
    this.#tmux(['send-keys', '-l', line]);
    this.press('Enter');
  }

  /** Presses a key as tmux calls it: `C-c`, `Enter`. */
  press(key: string): void {
    this.#tmux(['send-keys', key]);
  }

  resize({ columns, rows }: Size): void {
    this.#tmux(['resize-window', '-x', String(columns), '-y', String(rows)]);
  }

  /** What the window shows, without empty lines at the end. */
  lines(): readonly string[] {
    return this.#tmux(['capture-pane', '-p']).trimEnd().split('\n');
  }

  /** What the window shows, without colours, and in brackets what is turned inside out. */
  marked(): string {
    return this.#tmux(['capture-pane', '-p', '-e'])
      .replaceAll(/\u001B\[([\d;]*)m/g, (_, codes: string) => {
        const all = codes.split(';');
        return all.includes('7') ? '[' : all.includes('27') ? ']' : all.includes('0') ? '\u0000' : '';
      })
      .replaceAll(/\[([^\u0000[\]]*)\u0000/g, '[$1]')
      .replaceAll('\u0000', '');
  }

  /** As {@link lines}, with what has left the window at the top. */
  history(): readonly string[] {
    return this.#tmux(['capture-pane', '-p', '-S', '-']).trimEnd().split('\n');
  }

  get isCursorVisible(): boolean {
    return this.#tmux(['display', '-p', '#{cursor_flag}']).trim() === '1';
  }

  /** Whether the second screen is shown. */
  get isWhole(): boolean {
    return this.#tmux(['display', '-p', '#{alternate_on}']).trim() === '1';
  }

  /** Waits until the window shows what is asked for; gives its lines. Says what it showed instead when that never comes. */
  async until(what: string, isSo: (lines: readonly string[]) => boolean): Promise<readonly string[]> {
    let lines: readonly string[] = [];
    try {
      return await waitFor(what, () => {
        lines = this.lines();
        return isSo(lines) && lines;
      });
    } catch (error) {
      throw new Error(`${String(error)}; the terminal showed:\n${lines.join('\n')}`, { cause: error });
    }
  }

  /** Waits for a prompt with nothing behind it and a visible cursor, below what a command that was just entered prints. */
  untilPrompt(below = ''): Promise<readonly string[]> {
    return this.until(
      `a clean prompt below "${below}"`,
      (lines) => lines.at(-1) === '$' && this.isCursorVisible && lines.some((line) => line.includes(below)),
    );
  }
}

/** A terminal whose shell waits for a command. */
export async function openTerminal(world: World, size: Size): Promise<Terminal> {
  const terminal = new Terminal(world, size);
  await terminal.untilPrompt();
  return terminal;
}

/** No line reaches the last column, where terminals differ on what follows. */
export function expectFits(lines: readonly string[], columns: number): void {
  for (const line of lines) expect(textWidth(line), line).toBeLessThan(columns);
}
