/** Amounts of disk as people write and read them: `500MB`, `2GB`, in powers of ten as on a disk's label. */

/** What an amount looks like; `0` is none. */
export const SIZE = /^(?:0|0*[1-9][0-9]{0,5}[MGT]B)$/;

const MB = 1_000_000;
const UNIT_BYTES: ReadonlyMap<string, number> = new Map([
  ['MB', MB],
  ['GB', 1000 * MB],
  ['TB', 1_000_000 * MB],
]);

/** Bytes; undefined when the text is no amount. */
export function parseSize(text: string): number | undefined {
  if (!SIZE.test(text)) return undefined;
  return text === '0' ? 0 : Number(text.slice(0, -2)) * (UNIT_BYTES.get(text.slice(-2)) ?? Number.NaN);
}

/** Smaller ones are shown, but nobody types them. */
const SHOWN: readonly (readonly [string, number])[] = [['B', 1], ['KB', 1000], ...UNIT_BYTES];

/** `312 MB`, `1.5 GB`: rounded down, so that what is missing is not shown as there. */
export function renderSize(bytes: number): string {
  const [unit, size] = SHOWN.findLast(([, unitBytes]) => bytes >= unitBytes) ?? ['B', 1];
  const scale = size > 1 && bytes < 10 * size ? 10 : 1;
  return `${Math.floor((bytes / size) * scale) / scale} ${unit}`;
}
