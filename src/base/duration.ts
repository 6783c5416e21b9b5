/** Durations as people write them, on the command line and in settings alike: `90s`, `30m`, `2h`; a bare number is seconds. */

/** What a duration looks like. More than 9,999,999 of a unit, and nothing at all, are none. */
export const DURATION = /^0*[1-9][0-9]{0,6}[smh]?$/;

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** Milliseconds; undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  const unitMs = UNIT_MS.get(text.slice(-1));
  return unitMs === undefined ? Number(text) * 1000 : Number(text.slice(0, -1)) * unitMs;
}
