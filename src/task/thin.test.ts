import { expect, test } from 'vitest';
import type { Oid } from '../base/oid.ts';
import { chooseDropped, WHILE_WORKING } from './thin.ts';

const MINUTE_MS = 60_000;
const OID = '0'.repeat(40) as Oid;

function taken(
  number: number,
  atMs: number,
  reason = WHILE_WORKING,
): Parameters<typeof chooseDropped>[0][number] {
  return { number, reason, atMs, commit: OID, files: OID, state: OID, head: OID };
}

/** One a minute, as an agent's that works for days. */
function everyMinute(count: number): readonly ReturnType<typeof taken>[] {
  return Array.from({ length: count }, (_, index) => taken(index + 1, index * MINUTE_MS));
}

test('the older snapshots are, the wider apart those that stay, and the latest always stays', () => {
  const nowMs = 200 * MINUTE_MS;
  const snapshots = everyMinute(200);
  const dropped = new Set(chooseDropped(snapshots, nowMs));
  const left = snapshots.filter((one) => !dropped.has(one));
  const ages = left.map(({ atMs }) => (nowMs - atMs) / MINUTE_MS);
  expect(ages.filter((age) => age <= 10)).toHaveLength(10);
  expect(ages.filter((age) => age > 10 && age <= 120)).toHaveLength(22);
  expect(ages.filter((age) => age > 120)).toHaveLength(2);
  expect(left.at(-1)?.number).toBe(200);
});

test('what marks the beginning or end of a run is not thinned out', () => {
  const marked = [
    taken(1, 0, 'run 1 ended'),
    taken(2, 1, 'before run 2'),
    taken(3, 2),
    taken(4, 3),
    taken(5, 4),
  ];
  expect(chooseDropped(marked, 30 * 24 * 60 * MINUTE_MS).map(({ number }) => number)).toEqual([4]);
});

test('thinning what is thinned already drops nothing more until it is older', () => {
  const nowMs = 100 * MINUTE_MS;
  const dropped = new Set(chooseDropped(everyMinute(100), nowMs));
  const left = everyMinute(100).filter(({ number }) => ![...dropped].some((one) => one.number === number));
  expect(chooseDropped(left, nowMs)).toEqual([]);
});

test('never more than 100 stay', () => {
  const many = Array.from({ length: 150 }, (_, index) => taken(index + 1, index, `run ${index} ended`));
  expect(chooseDropped(many, 1000).map(({ number }) => number)).toEqual(
    Array.from({ length: 50 }, (_, index) => index + 1),
  );
});
