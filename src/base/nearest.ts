/** Which of some words a mistyped one was probably meant to be. */

/** Longer words are no slip of the fingers, and comparing them takes time. */
const LENGTH_MAX = 40;

/**
 * The candidate with the fewest slips (a letter missing, added, replaced, or two neighbours swapped; capitals, `-` and `_` count as nothing);
 * undefined when even that has more than one slip for each three letters.
 */
export function findNearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > LENGTH_MAX) return undefined;
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_]/g, '');
  let nearest: string | undefined;
  let slipsMin = Math.floor(Math.max(plain(word).length, 3) / 3) + 1;
  for (const candidate of candidates) {
    const slips = countSlips(plain(word), plain(candidate));
    if (slips >= slipsMin) continue;
    nearest = candidate;
    slipsMin = slips;
  }
  return nearest;
}

/** The optimal string alignment distance. */
function countSlips(from: string, to: string): number {
  let [beforeLast, last]: [number[], number[]] = [[], Array.from({ length: to.length + 1 }, (_, at) => at)];
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const slips = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
        isSwapped ? (beforeLast[column - 2] ?? 0) + 1 : Infinity,
      );
      current.push(slips);
    }
    [beforeLast, last] = [last, current];
  }
  return last[to.length] ?? 0;
}
