/** Which editor a person wants for a task's worktree. Looks into PATH, starts nothing. */

import { basename } from 'node:path';
import { PhasrError } from '../base/errors.ts';
import type { Environment } from '../base/environment.ts';
import { splitWords } from '../base/words.ts';
import { findProgram } from '../process/find.ts';

export type Editor = {
  /** Program and arguments; the worktree's path is to be appended. */
  readonly command: readonly string[];
  /** `terminal`: it runs on the person's terminal until he leaves it; `window`: it opens a window of its own. */
  readonly kind: 'terminal' | 'window';
  /** Where the choice comes from: `--editor`, a variable's name, `settings`, or `found` in PATH. */
  readonly from: string;
};

export type EditorWishes = {
  /** `--editor`. */
  readonly asked?: string | null;
  /** The setting: program and arguments. */
  readonly configured: readonly string[] | null;
  /** Whether the person has a terminal that an editor could run on. */
  readonly hasTerminal: boolean;
  /** Where the person stands: relative paths of programs are meant from there. */
  readonly directory: string;
};

/** Programs that open a window; each looks for a running one of its own and returns at once. */
const WINDOW_EDITORS: ReadonlySet<string> = new Set(
  [
    'code code-insiders codium vscodium cursor windsurf trae zed zeditor subl sublime_text atom gedit kate kwrite mousepad',
    'gvim mvim neovide idea pycharm webstorm goland clion rubymine phpstorm rustrover rider fleet xed bbedit mate nova xdg-open open',
  ].flatMap((line) => line.split(' ')),
);

/** Programs that need a terminal. Every other one gets the terminal where there is one. */
const TERMINAL_EDITORS: ReadonlySet<string> = new Set(
  'vi vim nvim view nano pico emacs mg micro hx helix kak joe jed ne mcedit ed'.split(' '),
);

/** Looked for in PATH in this order when nobody says what he wants. */
export const LOOKED_FOR: readonly string[] = [
  'code',
  'cursor',
  'windsurf',
  'zed',
  'idea',
  'subl',
  'nvim',
  'vim',
];

/**
 * `--editor`, `PHASR_EDITOR`, the setting; `VISUAL` and `EDITOR` unless they need a terminal that is not there; else the first known one in
 * PATH. Each is split into words without a shell.
 * Throws `usage` for a line with an open quote or an editor that needs a terminal where none is, `program-missing` when there is none.
 */
export function chooseEditor(env: Environment, wishes: EditorWishes): Editor {
  const explicit: readonly (readonly [string, string | readonly string[] | null | undefined])[] = [
    ['--editor', wishes.asked],
    ['PHASR_EDITOR', env['PHASR_EDITOR']],
    ['settings', wishes.configured],
  ];
  for (const [from, line] of explicit) {
    if (line === undefined || line === null || line.length === 0 || isBlank(line)) continue;
    const editor = parseEditor(from, line, wishes);
    if (editor.kind === 'window' || wishes.hasTerminal) return editor;
    throw new PhasrError('usage', `${basename(editor.command[0] ?? '')} (${from}) needs a terminal`, {
      hint: 'Call it on a terminal, or choose an editor with a window: --editor code',
    });
  }
  for (const from of ['VISUAL', 'EDITOR']) {
    const line = env[from];
    if (line === undefined || line.trim() === '') continue;
    const editor = parseEditor(from, line, wishes);
    if (editor.kind === 'window' || wishes.hasTerminal) return editor;
  }
  const found = LOOKED_FOR.filter((name) => wishes.hasTerminal || WINDOW_EDITORS.has(name)).find(
    (name) => findProgram(name, env, wishes.directory) !== undefined,
  );
  if (found !== undefined) return parseEditor('found', found, wishes);
  throw new PhasrError('program-missing', 'no editor was found', {
    hint: 'Name one: phasr open 3 --editor "my-editor"   (or set PHASR_EDITOR). A shell: phasr open 3 --shell',
  });
}

function isBlank(line: string | readonly string[]): boolean {
  return typeof line === 'string' && line.trim() === '';
}

function parseEditor(
  from: string,
  line: string | readonly string[],
  { hasTerminal, directory }: EditorWishes,
): Editor {
  const words = typeof line === 'string' ? splitWords(line) : line;
  const [program, ...args] = words ?? [];
  if (program === undefined || program === '') {
    throw new PhasrError('usage', `${from} is no command line: ${String(line)}`, {
      hint: 'A program and its arguments, as in: --editor "code --new-window"',
    });
  }
  const name = basename(program);
  const opensWindow = WINDOW_EDITORS.has(name) || (!TERMINAL_EDITORS.has(name) && !hasTerminal);
  // The editor is started in the worktree; what the person means is what he sees from where he stands.
  const file = program.includes('/') ? (findProgram(program, {}, directory) ?? program) : program;
  return { command: [file, ...args], kind: opensWindow ? 'window' : 'terminal', from };
}
