import { expect, test } from 'vitest';
import { parseSize, renderSize } from './size.ts';

test('an amount of disk is a whole number with its unit, or 0; everything else is none', () => {
  const sizes = ['0', '1MB', '500MB', '2GB', '007TB'].map(parseSize);
  expect(sizes).toEqual([0, 1_000_000, 500_000_000, 2_000_000_000, 7_000_000_000_000]);
  for (const text of ['', '500', '5 GB', '5gb', '5GiB', '1.5GB', '-1MB', '0MB', '9999999MB'])
    expect(parseSize(text)).toBeUndefined();
});

test('an amount is shown rounded down', () => {
  const shown = [0, 999_999, 1_550_000, 499_999_999, 1_990_000_000, 71_400_000_000].map(renderSize);
  expect(shown).toEqual(['0 B', '999 KB', '1.5 MB', '499 MB', '1.9 GB', '71 GB']);
});
