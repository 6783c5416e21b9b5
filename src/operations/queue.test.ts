import { expect, test } from 'vitest';
import { describeHold } from './queue.ts';

const GB = 1_000_000_000;

test('a start is held below the memory that was asked for, and above the load, each said with both numbers; 0 is no limit', () => {
  const holds = [
    [
      { freeBytes: GB, load: 9 },
      { memoryFloorBytes: GB, loadMax: 0 },
    ],
    [
      { freeBytes: GB - 1, load: 0 },
      { memoryFloorBytes: GB, loadMax: 0 },
    ],
    [
      { freeBytes: 0, load: 0 },
      { memoryFloorBytes: 0, loadMax: 1 },
    ],
    [
      { freeBytes: GB, load: 4 },
      { memoryFloorBytes: 0, loadMax: 4 },
    ],
    [
      { freeBytes: GB, load: 4.25 },
      { memoryFloorBytes: 0, loadMax: 4 },
    ],
  ] as const;
  expect(
    holds.map(([now, limits]) => describeHold(now, limits)?.replaceAll(/[\d.]+ [KMG]i?B/g, 'SIZE') ?? null),
  ).toEqual([
    null,
    'more memory is free (SIZE of SIZE)',
    null,
    null,
    'the load is lower (4.3 of 4 for each core)',
  ]);
});
