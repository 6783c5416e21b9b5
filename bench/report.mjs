/** What was measured, whether it keeps its limit, and how that is told. */

import { ratios, summarize } from './timing.mjs';

/** @typedef {'ms' | 'MB' | 'git processes' | '×'} Unit */

/**
 * What a measurement is held to. `of` says which numbers: the subject's own, or the pairwise ratios. `by`
 * says which one of them: times are noisy, so their median; counts and memory are not, so the worst.
 * @typedef {object} Limit
 * @property {'subject' | 'ratio'} of
 * @property {'median' | 'worst'} by
 * @property {'at most' | 'at least'} side
 * @property {number} value
 */

/** @typedef {{ readonly label: string, readonly values: readonly number[] }} Series */

/**
 * @typedef {object} Measured
 * @property {string} name
 * @property {Series | null} baseline
 * @property {Series} subject
 * @property {Unit} unit
 * @property {'subject/baseline' | 'baseline/subject' | null} ratio
 * @property {Limit | null} limit
 * @property {readonly number[]} git How many git processes each run of the subject started; empty where it was not counted.
 */

/** @typedef {Measured & { readonly ratios: readonly number[], readonly verdict: 'within' | 'OVER' | 'no limit' }} Result */

/**
 * @param {Measured} measured
 * @returns {Result}
 */
export function judge(measured) {
  const { baseline, subject, ratio, limit } = measured;
  const pairwise =
    baseline === null || ratio === null
      ? []
      : ratio === 'subject/baseline'
        ? ratios(subject.values, baseline.values)
        : ratios(baseline.values, subject.values);
  if (limit === null) return { ...measured, ratios: pairwise, verdict: 'no limit' };
  const { median, min, max } = summarize(limit.of === 'ratio' ? pairwise : subject.values);
  const judged = limit.by === 'median' ? median : limit.side === 'at most' ? max : min;
  const keeps = limit.side === 'at most' ? judged <= limit.value : judged >= limit.value;
  return { ...measured, ratios: pairwise, verdict: keeps ? 'within' : 'OVER' };
}

/**
 * For instance: `median 1.83 (1.61–2.20), limit 2.0: within`.
 * @param {Result} result
 */
export function renderVerdict({ ratios: pairwise, subject, unit, limit, verdict }) {
  const isRatio = limit === null ? pairwise.length > 0 : limit.of === 'ratio';
  const values = isRatio ? pairwise : subject.values;
  const shownUnit = isRatio ? '×' : unit;
  const numbers = `median ${renderSeries(values, shownUnit)}`;
  if (limit === null) return `${numbers}, no limit`;
  const side = limit.side === 'at least' ? 'at least ' : '';
  const worst = limit.by === 'worst' ? ' for the worst' : '';
  return `${numbers}, limit ${side}${renderLimit(limit.value, shownUnit)}${worst}: ${verdict}`;
}

/**
 * @param {readonly number[]} values
 * @param {Unit} unit
 */
function renderSeries(values, unit) {
  const { median, min, max } = summarize(values);
  const digits = unit === '×' ? 2 : unit === 'MB' ? 1 : unit === 'ms' && median < 100 ? 1 : 0;
  const suffix = unit === '×' ? '' : ` ${unit}`;
  return `${median.toFixed(digits)}${suffix} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

/**
 * @param {number} value
 * @param {Unit} unit
 */
function renderLimit(value, unit) {
  return unit === '×' ? value.toFixed(1) : `${value} ${unit}`;
}

/**
 * All results as one table for people.
 * @param {readonly Result[]} results
 */
export function renderTable(results) {
  const rows = results.map((result) => [
    result.name,
    result.baseline === null
      ? ''
      : `${result.baseline.label}: ${renderSeries(result.baseline.values, result.unit)}`,
    `${result.subject.label}: ${renderSeries(result.subject.values, result.unit)}`,
    result.ratios.length === 0 && result.limit === null ? 'no limit' : renderVerdict(result),
    result.git.length === 0 ? '' : renderCounts(result.git),
  ]);
  const head = ['measurement', 'baseline', 'subject', 'result', 'git'];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (/** @type {readonly string[]} */ cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** @param {readonly number[]} counts */
function renderCounts(counts) {
  const { min, max } = summarize(counts);
  return min === max ? String(max) : `${min}–${max}`;
}
