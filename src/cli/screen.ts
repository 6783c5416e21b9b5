/** A picture of lines on a terminal that is redrawn in place: no flicker, no scrolling, and whatever ends the process, the terminal is left as it was found. */

import type { Output } from './output.ts';

export type Screen = {
  /** Shows a picture instead of the one before. Lines must be shorter than the terminal is wide and may have colours. */
  readonly paint: (lines: readonly string[]) => void;
  /** Takes the picture away and leaves these lines, with the cursor below them. */
  readonly close: (lines: readonly string[]) => void;
};

/**
 * `inline`: below what the terminal shows already. `whole`: on the terminal's second screen, which is gone afterwards; the only way to leave no
 * rest of a tall picture behind when the window changes.
 */
export type Place = 'inline' | 'whole';

const ESC = '\u001B[';
const [HIDE_CURSOR, SHOW_CURSOR] = [`${ESC}?25l`, `${ESC}?25h`];
/** Terminals that know it show a frame only when it is complete; the others ignore it. */
const [BEGIN_FRAME, END_FRAME] = [`${ESC}?2026h`, `${ESC}?2026l`];
const [CLEAR_LINE, CLEAR_BELOW, HOME] = [`${ESC}K`, `${ESC}J`, `${ESC}H`];
/** Where there is no second screen the first one is emptied. */
const [ENTER_WHOLE, LEAVE_WHOLE] = [`${ESC}?1049h${HOME}`, `${HOME}${CLEAR_BELOW}${ESC}?1049l`];
const [SAVE_CURSOR, RESTORE_CURSOR] = ['\u001B7', '\u001B8'];

/** `repaint` is called when the picture is lost: the terminal has another size, or the person has come back to a suspended command. */
export function openScreen(output: Output, place: Place, repaint: () => void): Screen {
  // Between frames the cursor stands where the picture begins. A terminal that wraps its lines anew for another size keeps the cursor with its text,
  // and one that does not leaves it in place: both know where to begin, and nobody has to guess how many rows the old picture takes.
  let drawn: readonly string[] | null = null;
  let isShown = false;
  const begin = (): string => {
    if (isShown) return place === 'whole' ? HOME : drawn === null ? '\r' : RESTORE_CURSOR;
    isShown = true;
    return place === 'whole' ? ENTER_WHOLE : '\r';
  };
  /** The terminal as it was; an inline picture stays, as text does. */
  const leave = (): void => {
    if (!isShown) return;
    const below = drawn === null ? '' : RESTORE_CURSOR + '\r\n'.repeat(drawn.length);
    output.raw((place === 'whole' ? LEAVE_WHOLE : below) + SHOW_CURSOR);
    [isShown, drawn] = [false, null];
  };
  const onLost = (): void => {
    drawn = null;
    repaint();
  };
  const release = holdTerminal(leave, onLost);
  const endResize = output.onResize(onLost);
  return {
    paint: (lines) => {
      const end = place === 'whole' ? END_FRAME : SAVE_CURSOR + END_FRAME;
      // One write, so that no half-drawn picture is ever on the screen.
      output.raw(BEGIN_FRAME + HIDE_CURSOR + begin() + frame(drawn, lines) + end);
      drawn = lines;
    },
    close: (lines) => {
      endResize();
      release();
      const start = isShown ? (place === 'whole' ? LEAVE_WHOLE : begin() + CLEAR_BELOW) : '';
      output.raw(`${start}${lines.map((line) => `${line}\r\n`).join('')}${SHOW_CURSOR}`);
      isShown = false;
    },
  };
}

/** What turns one picture into the next, from its first line and back to it. */
function frame(before: readonly string[] | null, lines: readonly string[]): string {
  const isShorter = before !== null && lines.length < before.length;
  const last = lines.length - 1;
  const isSame = (index: number): boolean =>
    // What is typed meanwhile is echoed over the first line, which is therefore always drawn.
    before !== null && index > 0 && before[index] === lines[index] && !(isShorter && index === last);
  let text = before === null ? CLEAR_BELOW : '';
  let at = 0;
  for (const [index, line] of lines.entries()) {
    if (isSame(index)) continue;
    // A newline, not a move: at the bottom of the terminal it makes room.
    text += '\r\n'.repeat(index - at) + line + CLEAR_LINE;
    at = index;
  }
  if (isShorter) text += CLEAR_BELOW;
  return `${text}\r${at > 0 ? `${ESC}${at}A` : ''}`;
}

/** Longer than a signal to the own process takes to arrive. */
const SUSPEND_MS = 50;

/** Gives the terminal back whenever the process ends or is suspended. Gives how to end that. */
function holdTerminal(leave: () => void, onBack: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const suspend = (): void => {
    leave();
    // Without a handler the system decides: where nobody could wake the process up again, it is not stopped.
    process.off('SIGTSTP', suspend);
    process.kill(process.pid, 'SIGTSTP');
    timer = setTimeout(() => {
      process.on('SIGTSTP', suspend);
      onBack();
    }, SUSPEND_MS);
  };
  const handlers: readonly (readonly [string, () => void])[] = [
    ['exit', leave],
    // Before the stack of a bug is printed.
    ['uncaughtExceptionMonitor', leave],
    ['SIGHUP', () => process.exit(129)],
    ['SIGQUIT', () => process.exit(131)],
    ['SIGTSTP', suspend],
    ['SIGCONT', onBack],
  ];
  for (const [event, handler] of handlers) process.on(event, handler);
  return () => {
    clearTimeout(timer);
    for (const [event, handler] of handlers) process.off(event, handler);
  };
}
