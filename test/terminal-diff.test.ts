/** What a person sees of a diff on a terminal, on windows of 80 and 200 columns. */

import { expect, test } from 'vitest';
import { expectFits, hasTmux, openTerminal, type Terminal } from './support/terminal.ts';
import { makeWorld, type World } from './support/world.ts';

const BEFORE = `import { Money } from './money.ts';

/** The sum of a cart. */
export function total(items: readonly Item[]): number {
  let sum = 0;
  for (const item of items) sum += item.price;
  return sum;
}

/** One line for each item. */
export function describe(items: readonly Item[]): string {
  return items.map((item) => item.name).join('; ');
}
`;
/** Renames a file with a change inside, adds one, and makes one executable. */
const EDIT = `sed -i -e 's/{ Money }/{ Money, round }/' -e 's/sum += item.price;/sum += item.price * item.count; \\/\\/ 日本語のコメント/' -e 's/return sum/return round(sum)/' cart.ts
mv cart.ts basket.ts; echo 'a new file' > new.txt; chmod +x run.sh`;

const fromHeader = (lines: readonly string[]): readonly string[] =>
  lines.slice(lines.findIndex((line) => line.startsWith('── renamed')));

async function openDiff(columns: number): Promise<{ readonly world: World; readonly terminal: Terminal }> {
  const world = makeWorld('terminal-diff');
  world.init({ 'cart.ts': BEFORE, 'run.sh': 'echo hi\n' });
  await world.task(EDIT);
  const terminal = await openTerminal(world, { columns, rows: 40 });
  return { world, terminal };
}

test.skipIf(!hasTmux)(
  'a diff on 80 columns is in one column, with changed words marked (needs tmux)',
  async () => {
    const { world, terminal } = await openDiff(80);
    await using _ = world;
    terminal.enter('phasr diff 1 --no-pager');
    const lines = await terminal.untilPrompt('run.sh (mode');
    expect(fromHeader(lines)).toEqual([
      `── renamed cart.ts → basket.ts (61% the same) ${'─'.repeat(33)}`,
      '@@ -1,10 +1,10 @@',
      "-import { Money } from './money.ts';",
      "+import { Money, round } from './money.ts';",
      '',
      ' /** The sum of a cart. */',
      ' export function total(items: readonly Item[]): number {',
      '   let sum = 0;',
      '-  for (const item of items) sum += item.price;',
      '-  return sum;',
      '+  for (const item of items) sum += item.price * item.count; // 日本語のコメント',
      '+  return round(sum);',
      ' }',
      '',
      ' /** One line for each item. */',
      '',
      `── new new.txt ${'─'.repeat(64)}`,
      '@@ -0,0 +1 @@',
      '+a new file',
      '',
      `── run.sh (mode 100644 → 100755) ${'─'.repeat(46)}`,
      '$',
    ]);
    expect(terminal.marked()).toContain('+import { Money[, round] } from');
    expect(terminal.marked()).toContain('+  return [round(]sum[)];');
  },
);

test.skipIf(!hasTmux)(
  'a diff on 200 columns shows before and after side by side, also in a pager (needs tmux)',
  async () => {
    const { world, terminal } = await openDiff(200);
    await using _ = world;
    terminal.enter('phasr diff 1');
    const lines = await terminal.until('the end of the diff', (shown) =>
      shown.some((line) => line.includes('run.sh (mode')),
    );
    const row = (left: string, right: string): string => `${left.padEnd(98)} │ ${right}`;
    expect(fromHeader(lines).slice(0, 14)).toEqual([
      `── renamed cart.ts → basket.ts (61% the same) ${'─'.repeat(153)}`,
      '@@ -1,10 +1,10 @@',
      row("   1 - import { Money } from './money.ts';", "   1 + import { Money, round } from './money.ts';"),
      row('   2', '   2').trimEnd(),
      row('   3   /** The sum of a cart. */', '   3   /** The sum of a cart. */'),
      row(
        '   4   export function total(items: readonly Item[]): number {',
        '   4   export function total(items: readonly Item[]): number {',
      ),
      row('   5     let sum = 0;', '   5     let sum = 0;'),
      row(
        '   6 -   for (const item of items) sum += item.price;',
        '   6 +   for (const item of items) sum += item.price * item.count; // 日本語のコメント',
      ),
      row('   7 -   return sum;', '   7 +   return round(sum);'),
      row('   8   }', '   8   }'),
      row('   9', '   9').trimEnd(),
      row('  10   /** One line for each item. */', '  10   /** One line for each item. */'),
      '',
      `── new new.txt ${'─'.repeat(184)}`,
    ]);
    expectFits(lines, 200);
    expect(terminal.marked()).toContain('7 +   return [round(]sum[)];');
  },
);

test.skipIf(!hasTmux)(
  'both layouts can be asked for, and without colours a diff is as git writes it (needs tmux)',
  async () => {
    const { world, terminal } = await openDiff(80);
    await using _ = world;
    terminal.enter('phasr diff 1 --side-by-side --no-pager');
    const lines = await terminal.untilPrompt('run.sh (mode');
    expect(lines).toContain(`${'   7 -   return sum;'.padEnd(38)} │    7 +   return round(sum);`);
    // Wrapped, not cut.
    expect(lines).toContain(`${' '.repeat(38)} │         日本語のコメント`);
    expectFits(lines, 80);
    terminal.resize({ columns: 200, rows: 40 });
    terminal.enter('clear; phasr diff 1 --unified --no-pager');
    expect(await terminal.untilPrompt('+  return')).toContain('+  return round(sum);');
    terminal.enter('clear; NO_COLOR=1 phasr diff 1 --no-pager');
    expect(await terminal.untilPrompt('new mode')).toEqual(
      expect.arrayContaining(['diff --git a/cart.ts b/basket.ts', 'rename to basket.ts', '+++ b/basket.ts']),
    );
  },
);
