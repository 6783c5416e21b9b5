/** Rounds of baseline and subject in turn, and what their times say. */

/**
 * @typedef {object} Pairs
 * @property {number[]} baseline
 * @property {number[]} subject
 */

/**
 * @typedef {object} Interleaved
 * @property {number} rounds
 * @property {boolean} [warmUp] A pair that is not counted, first: for short commands, whose first run reads from the disk.
 * @property {(round: number) => Promise<number>} baseline
 * @property {(round: number) => Promise<number>} subject
 */

/**
 * Runs baseline and subject in turn, the other one first in every second round: what slows the machine down
 * for a while then hits both, and whatever the one leaves behind for the other (caches, dirty pages) does so
 * in both directions.
 * @param {Interleaved} measured
 * @returns {Promise<Pairs>}
 */
export async function interleave({ rounds, warmUp = false, baseline, subject }) {
  /** @type {Pairs} */
  const pairs = { baseline: [], subject: [] };
  if (warmUp) {
    await baseline(0);
    await subject(0);
  }
  for (let round = 0; round < rounds; round++) {
    const isSubjectFirst = round % 2 === 1;
    if (isSubjectFirst) pairs.subject.push(await subject(round));
    pairs.baseline.push(await baseline(round));
    if (!isSubjectFirst) pairs.subject.push(await subject(round));
  }
  return pairs;
}

/**
 * Both samples of a pair were taken one after the other; their ratio is less noisy than either.
 * @param {readonly number[]} above
 * @param {readonly number[]} below
 */
export function ratios(above, below) {
  return above.map((value, index) => value / (below[index] ?? Number.NaN));
}

/** @param {readonly number[]} values */
export function summarize(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (low === undefined || high === undefined || min === undefined || max === undefined)
    throw new Error('there is no median of nothing');
  return { median: (low + high) / 2, min, max };
}
