import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderConfig, settingIsTrue, settingValue } from './config.ts';

test('git reads back exactly the settings that are written, whatever their values', () => {
  const directory = mkdtempSync(join(tmpdir(), 'config-'));
  const file = join(directory, 'config');
  const section = fc.constantFrom(
    'user',
    'alias',
    'remote.origin',
    'url.https://example.com/a.b',
    'filter.odd "name\\',
  );
  const setting = fc.record({
    key: fc.tuple(section, fc.constantFrom('name', 'url', 'x1')).map((parts) => parts.join('.')),
    value: fc.oneof(
      fc.constant(null),
      fc
        .string({ unit: 'binary', maxLength: 40 })
        .map((text) => Buffer.from(text.replaceAll('\0', '')).toString('latin1').replaceAll('\r', '')),
    ),
  });
  fc.assert(
    fc.property(fc.array(setting, { minLength: 1, maxLength: 8 }), (settings) => {
      writeFileSync(file, renderConfig(settings), 'latin1');
      const listed = execFileSync('git', ['config', '-z', '--list', '-f', file])
        .toString('latin1')
        .split('\0')
        .slice(0, -1);
      expect(listed).toEqual(settings.map(({ key, value }) => (value === null ? key : `${key}\n${value}`)));
    }),
    { numRuns: 60 },
  );
  rmSync(directory, { recursive: true });
});

test('the last value counts, and booleans are read as git reads them', () => {
  const settings = ['false', 'true', 'no', '0', 'off', '', 'yes', '1'].map((value, index) => ({
    scope: 'local',
    key: `a.b${index}`,
    value,
  }));
  expect(settings.map(({ key }) => settingIsTrue(settings, key))).toEqual([
    false,
    true,
    false,
    false,
    false,
    false,
    true,
    true,
  ]);
  const twice = [
    { scope: 'global', key: 'x.y', value: 'one' },
    { scope: 'local', key: 'x.y', value: null },
  ];
  expect(settingValue(twice, 'x.y')).toBe('true');
  expect(settingValue(twice, 'x.z')).toBeUndefined();
});
