/** What a mistyped word was meant to be. Pure. */

/** One slip for every three letters may be forgiven, never more than two. */
const LETTERS_A_SLIP = 3;
const SLIPS_MAX = 2;

/**
 * The candidate that a mistyped word is nearest to: one that it begins, else one that differs by few slips (a letter missing, too many,
 * wrong, or swapped with its neighbour). Undefined when none is near.
 */
export function nearestWord(word: string, candidates: readonly string[]): string | undefined {
  const begun = word.length >= 2 ? candidates.filter((candidate) => candidate.startsWith(word)) : [];
  if (begun.length === 1) return begun[0];
  const allowed = Math.min(SLIPS_MAX, Math.max(1, Math.floor(word.length / LETTERS_A_SLIP)));
  const [best] = candidates
    .filter((candidate) => Math.abs(candidate.length - word.length) <= allowed)
    .map((candidate) => ({ candidate, slips: countSlips(word, candidate) }))
    .filter(({ slips, candidate }) => slips <= allowed && slips < candidate.length)
    .sort((one, other) => one.slips - other.slips);
  return best?.candidate;
}

/** Edit distance with swaps of neighbours (optimal string alignment). Words are short: the lengths were compared before. */
function countSlips(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= from.length; row++) {
    const before = rows[row - 1] ?? [];
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwap =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(
        Math.min(
          (before[column] ?? 0) + 1,
          (current[column - 1] ?? 0) + 1,
          (before[column - 1] ?? 0) + (isSame ? 0 : 1),
          isSwap ? (rows[row - 2]?.[column - 2] ?? 0) + 1 : Infinity,
        ),
      );
    }
    rows.push(current);
  }
  return rows.at(-1)?.at(-1) ?? 0;
}
