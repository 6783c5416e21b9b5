/** The table of hazards in `docs/isolation.md`, from what the suites try and expect. */

import { ESCAPES, type Outcome } from './escapes.ts';
import { HIDDEN, PLANTS } from './plants.ts';

const WORDS: Readonly<Record<Outcome, string>> = {
  prevented: 'prevented',
  blocked: 'noticed, merge blocked',
  wrecked: 'nothing can be merged',
  open: 'open',
};

/** The lines of the table without its head. */
export function renderHazards(): readonly string[] {
  return [
    ...ESCAPES.map(({ row, what, walls, off }) => {
      const preventedBy = walls === 'prevented' ? (off === 'prevented' ? 'private git dir' : 'sandbox') : '–';
      const detectedBy = [walls, off].includes('blocked') ? 'fingerprint' : '–';
      return `| ${row} | ${what} | ${preventedBy} | ${detectedBy} | ${WORDS[walls]} | ${WORDS[off]} | \`escape.test.ts\` |`;
    }),
    ...PLANTS.map(
      ({ row, what }) =>
        `| ${row} | plants ${what} | clean room | – | not run | not run | \`plants.test.ts\` |`,
    ),
    ...HIDDEN.map(
      ({ row, what }) =>
        `| ${row} | hides ${what} | clean room | \`phasr diff\`, \`phasr show\` | seen | seen | \`plants.test.ts\` |`,
    ),
  ];
}
