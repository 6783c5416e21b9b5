/** The only writer to standard output and error, and what a terminal allows: colours, width, redrawing. */

import pc from 'picocolors';
import { renderVisible } from '../base/text.ts';
import type { Environment } from '../base/environment.ts';
import { cutToWidth, padToWidth, textWidth } from './width.ts';

type Colors = ReturnType<typeof pc.createColors>;

/** What `--json` prints: one schema each in `docs/json`. */
export type DocumentKind =
  | 'run'
  | 'list'
  | 'task'
  | 'show'
  | 'diff'
  | 'path'
  | 'tasks'
  | 'wait'
  | 'merge'
  | 'undo'
  | 'operations'
  | 'trash'
  | 'history'
  | 'rewind'
  | 'acknowledge'
  | 'sync'
  | 'queue'
  | 'snapshot'
  | 'agents'
  | 'signal'
  | 'cost'
  | 'open'
  | 'exec'
  | 'completion'
  | 'init'
  | 'config'
  | 'doctor'
  | 'cleanup'
  | 'refusal'
  | 'error'
  | 'event'
  | 'agent-event';

/** A document says first what it is. */
export function named(kind: DocumentKind, value: object): object {
  return { schema: `phasr/${kind}/1`, ...value };
}

export type Output = {
  /** Standard output is a terminal. */
  readonly isTerminal: boolean;
  readonly color: Colors;
  /** Standard output is a terminal that can redraw what it shows. */
  readonly canRedraw: boolean;
  /** Columns of the terminal; 80 when there is none. */
  readonly width: () => number;
  readonly height: () => number;
  /** Calls back when the terminal has got another size; gives how to end that. */
  readonly onResize: (listener: () => void) => () => void;
  /** One line on standard output. */
  readonly line: (text: string) => void;
  /** Bytes as they are, on standard output; resolves when there is room for more. */
  readonly bytes: (bytes: Uint8Array) => Promise<void>;
  /** Text as it is, on standard output; for whoever moves the cursor. */
  readonly raw: (text: string) => void;
  /** One JSON document on standard output. */
  readonly json: (kind: DocumentKind, value: object) => void;
  /** One JSON document on a line of its own, for documents that come one after the other. */
  readonly jsonLine: (kind: DocumentKind, value: object) => void;
  /** One line on standard error, for what is no result. */
  readonly note: (text: string) => void;
};

/** Colours where a terminal shows them; `NO_COLOR` and `FORCE_COLOR` decide otherwise (no-color.org, force-color.org). */
function wantsColor(env: Environment, isTerminal: boolean): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  if ((env['FORCE_COLOR'] ?? '') !== '') return env['FORCE_COLOR'] !== '0';
  return isTerminal && env['TERM'] !== 'dumb';
}

export function openOutput(env: Environment): Output {
  const { stdout, stderr } = process;
  const isTerminal = stdout.isTTY;
  // A reader that has seen enough (`| head`) is no error.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    isTerminal,
    canRedraw: isTerminal && !['', 'dumb'].includes(env['TERM'] ?? ''),
    color: pc.createColors(wantsColor(env, isTerminal)),
    // A terminal that does not know its size says 0.
    width: () => stdout.columns || 80,
    height: () => stdout.rows || 24,
    onResize: (listener) => {
      stdout.on('resize', listener);
      return () => void stdout.off('resize', listener);
    },
    line: (text) => void stdout.write(`${text}\n`),
    bytes: (bytes) => new Promise((resolve) => stdout.write(bytes, () => resolve())),
    raw: (text) => void stdout.write(text),
    json: (kind, value) =>
      void stdout.write(`${JSON.stringify(named(kind, value), null, isTerminal ? 2 : undefined)}\n`),
    jsonLine: (kind, value) => void stdout.write(`${JSON.stringify(named(kind, value))}\n`),
    note: (text) => void stderr.write(`${text}\n`),
  };
}

/** A table for a terminal: columns as wide as their widest cell, the last one cut at the terminal's edge. Cells are shown as plain text. */
export function renderTable(
  rows: readonly (readonly string[])[],
  options: { readonly width: number | null },
): readonly string[] {
  const visible = rows.map((row) => row.map(renderVisible));
  const widths = (visible[0] ?? []).map((_, column) =>
    Math.max(...visible.map((row) => textWidth(row[column] ?? ''))),
  );
  return visible.map((row) => {
    const cells = row.map((cell, column) =>
      column === row.length - 1 ? cell : padToWidth(cell, widths[column] ?? 0),
    );
    const line = cells.join('  ').trimEnd();
    return options.width === null ? line : cutToWidth(line, options.width);
  });
}
