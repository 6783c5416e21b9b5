/** The table of hazards in `docs/isolation.md`, from what the suites try and expect. */

import { ESCAPES, type Outcome } from './escapes.ts';
import { HIDDEN, ODDITIES, PLANTS } from './plants.ts';

const WORDS: Readonly<Record<Outcome, string>> = {
  prevented: 'prevented',
  blocked: 'noticed, merge blocked',
  wrecked: 'nothing can be merged',
  open: 'open',
};

type Elsewhere = {
  readonly cells: readonly string[];
  /** A test of this title stands in the file. */
  readonly promise: string;
  readonly file: string;
};

/** Rows that other suites keep, each with programs of its own. */
export const ELSEWHERE: readonly Elsewhere[] = [
  {
    cells: [
      'd09',
      'leaves a daemon',
      'sandbox; marker, group and session',
      '–',
      'prevented',
      '',
      'prevented',
    ],
    promise: 'what an agent leaves running is ended with its run, and said',
    file: 'supervise.test.ts',
  },
  {
    cells: [
      'd10',
      'starts processes without end',
      '`[limits] processes`',
      'its words',
      'stopped',
      '',
      'stopped',
    ],
    promise: 'a run that goes over [limits] %s is stopped, says so, and its work is kept',
    file: 'limits.test.ts',
  },
  {
    cells: ['d11, d12', 'fills the disk', '`[limits] disk`', 'its words', 'stopped', '', 'stopped'],
    promise: 'a run that goes over [limits] %s is stopped, says so, and its work is kept',
    file: 'limits.test.ts',
  },
  {
    cells: ['d13', 'takes all memory', '`[limits] memory`', 'its words', 'stopped', '', 'stopped'],
    promise: 'a run that goes over [limits] %s is stopped, says so, and its work is kept',
    file: 'limits.test.ts',
  },
  {
    cells: [
      'd27',
      'types into the terminal of `phasr exec`',
      'sandbox',
      '–',
      'prevented',
      'prevented',
      'open',
    ],
    promise: "behind walls nothing types into the person's terminal, whose shell stands outside of them",
    file: 'sandbox.test.ts',
  },
  {
    cells: ['d30', 'deletes its own worktree', '–', '`phasr show`', 'given back', '', 'given back'],
    promise: 'an agent that deletes its own worktree takes nothing away that was in a snapshot',
    file: 'escape.test.ts',
  },
  {
    cells: [
      'd32',
      'writes through a hard link from before the walls',
      '–',
      'fingerprint',
      WORDS.blocked,
      WORDS.blocked,
      WORDS.blocked,
    ],
    promise: 'what an agent writes through a hard link that was made before the walls is noticed',
    file: 'escape.test.ts',
  },
];

function render(cells: readonly string[], file: string): string {
  return `| ${cells.map((cell) => (cell === '' ? 'as `auto`' : cell)).join(' | ')} | \`${file}\` |`;
}

/** The lines of the table without its head. */
export function renderHazards(): readonly string[] {
  const looked = ['clean room', '`phasr diff`, `phasr show`'];
  return [
    ...ESCAPES.map(({ row, what, walls, strict, off }) => {
      const preventedBy =
        off === 'prevented'
          ? 'private git dir'
          : walls === 'prevented'
            ? 'sandbox'
            : strict === 'prevented'
              ? '`strict`'
              : '–';
      const detectedBy = [walls, off].includes('blocked') ? 'fingerprint' : '–';
      const inStrict = strict === null ? '' : WORDS[strict];
      return render(
        [row, what, preventedBy, detectedBy, WORDS[walls], inStrict, WORDS[off]],
        'escape.test.ts',
      );
    }),
    ...ELSEWHERE.map(({ cells, file }) => render(cells, file)),
    ...PLANTS.map(({ row, what }) =>
      render([row, `plants ${what}`, 'clean room', '–', 'not run', '', 'not run'], 'plants.test.ts'),
    ),
    ...HIDDEN.map(({ row, what }) =>
      render([row, `hides ${what}`, ...looked, 'seen', '', 'seen'], 'plants.test.ts'),
    ),
    ...ODDITIES.map(({ row, what }) =>
      render([row, `leaves ${what}`, ...looked, 'harmless', '', 'harmless'], 'plants.test.ts'),
    ),
  ];
}
