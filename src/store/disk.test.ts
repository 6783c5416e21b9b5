import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inspectDisk } from './disk.ts';

test('a path that is not there yet is on the disk of the nearest folder above it, and nothing is made to find out', () => {
  const root = mkdtempSync(join(tmpdir(), 'disk-'));
  try {
    writeFileSync(join(root, 'file'), '');
    const disk = inspectDisk(join(root, 'one/two/three'));
    expect(disk).toMatchObject({ path: root, device: inspectDisk(tmpdir()).device, isNetwork: false });
    expect(disk.freeBytes).toBeGreaterThan(0);
    // What stands where a folder should be is no folder.
    expect(inspectDisk(join(root, 'file/below')).path).toBe(root);
    expect(inspectDisk('/').isCaseSensitive).toBeNull();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test.skipIf(process.platform !== 'linux')('an ordinary Linux disk tells capitals apart', () => {
  const root = mkdtempSync(join(tmpdir(), 'disk-'));
  try {
    expect(inspectDisk(root).isCaseSensitive).toBe(true);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
