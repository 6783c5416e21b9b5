/** How the live view writes to a terminal: as little as possible, all at once, never too often, and always back to how it was. */

import type { EventEmitter } from 'node:events';
import pc from 'picocolors';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openLiveView } from './live.ts';
import type { Output } from './output.ts';
import { openScreen, type Place } from './screen.ts';
import { viewOf } from '../../test/support/view-of.ts';

const SHOW_CURSOR = '\u001B[?25h';
const LEAVE_WHOLE = '\u001B[?1049l';

class FakeTerminal {
  readonly writes: string[] = [];
  size = { width: 80, height: 24 };
  #onResize: (() => void)[] = [];

  get output(): Output {
    return {
      canRedraw: true,
      color: pc.createColors(false),
      width: () => this.size.width,
      height: () => this.size.height,
      raw: (text: string) => void this.writes.push(text),
      onResize: (listener: () => void) => {
        this.#onResize.push(listener);
        return () => void (this.#onResize = []);
      },
    } as unknown as Output;
  }

  resize(width: number): void {
    this.size = { ...this.size, width };
    for (const listener of this.#onResize) listener();
  }

  take(): string {
    return this.writes.splice(0).join('');
  }
}

const places: readonly Place[] = ['inline', 'whole'];

test.each(places)('%s: a frame is one write, with the lines that have changed and the first one', (place) => {
  const terminal = new FakeTerminal();
  const screen = openScreen(terminal.output, place, () => undefined);
  screen.paint(['first', 'second', 'third', 'fourth']);
  expect(terminal.writes.length).toBe(1);
  expect(terminal.take()).toContain(
    'first\u001B[K\r\nsecond\u001B[K\r\nthird\u001B[K\r\nfourth\u001B[K\r\u001B[3A',
  );
  screen.paint(['first', 'second', 'third!', 'fourth']);
  expect(terminal.writes.length).toBe(1);
  const frame = terminal.take();
  expect(frame).toContain('first\u001B[K\r\n\r\nthird!\u001B[K\r\u001B[2A');
  expect(frame).not.toMatch(/second|fourth/);
  screen.close([]);
});

test.each(places)('%s: a picture that has become smaller leaves nothing behind', (place) => {
  const terminal = new FakeTerminal();
  const screen = openScreen(terminal.output, place, () => undefined);
  screen.paint(['first', 'second', 'third']);
  terminal.take();
  screen.paint(['first', 'second']);
  expect(terminal.take()).toContain('second\u001B[K\u001B[J\r\u001B[1A');
  screen.close([]);
});

test.each(places)('%s: at another size everything is drawn anew, from where the cursor is', (place) => {
  const terminal = new FakeTerminal();
  const screen = openScreen(terminal.output, place, () => screen.paint(['narrow', 'lines']));
  screen.paint(['a wide line', 'another one']);
  terminal.take();
  terminal.resize(40);
  const frame = terminal.take();
  expect(frame).toContain('\u001B[Jnarrow\u001B[K\r\nlines\u001B[K');
  // What was saved was a place on the window as it was before.
  expect(frame).not.toContain('\u001B8');
  screen.close([]);
});

test.each(places)(
  '%s: a bug gives the terminal back before its stack is printed, and listeners are not left behind',
  (place) => {
    const listeners = (): number[] =>
      ['exit', 'SIGTSTP', 'SIGCONT', 'SIGHUP', 'uncaughtExceptionMonitor'].map((event) =>
        process.listenerCount(event),
      );
    const before = listeners();
    const terminal = new FakeTerminal();
    const screen = openScreen(terminal.output, place, () => undefined);
    screen.paint(['picture']);
    terminal.take();
    (process as EventEmitter).emit('uncaughtExceptionMonitor', new Error('a bug'));
    const given = terminal.take();
    expect(given).toMatch(/\u001B\[\?25h$/);
    expect(given.includes(LEAVE_WHOLE)).toBe(place === 'whole');
    screen.close(['last']);
    expect(terminal.take()).toBe(`last\r\n${SHOW_CURSOR}`);
    expect(listeners()).toEqual(before);
  },
);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('there are at most four frames a second, and the last one shows the last state', () => {
  const terminal = new FakeTerminal();
  const view = openLiveView(terminal.output, {
    tasks: 1,
    ages: 'run',
    footer: '',
    empty: '',
    lastOutput: () => '',
  });
  for (let look = 0; look < 100; look++) {
    view.show([viewOf({ id: 1, title: `look ${look}` })]);
    vi.advanceTimersByTime(10);
  }
  vi.advanceTimersByTime(250);
  expect(terminal.writes.length).toBeLessThanOrEqual(6);
  expect(terminal.writes.length).toBeGreaterThanOrEqual(4);
  expect(terminal.writes.at(-1)).toContain('look 99');
  view.end('everything');
});

test('a view that ends before its first frame shows its tasks all the same', () => {
  const terminal = new FakeTerminal();
  const view = openLiveView(terminal.output, {
    tasks: 9,
    ages: 'run',
    footer: '',
    empty: '',
    lastOutput: () => '',
  });
  view.show([viewOf({ id: 1, title: 'quick' })]);
  view.end('everything');
  expect(terminal.take()).toMatch(/^1 {2}running.*quick.*\r\n\u001B\[\?25h$/);
});
