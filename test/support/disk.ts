/** Disks of a test's own: small ones that can be filled up, and one whose power can be cut. For the superuser of a Linux that may mount. */

import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MIB = 1024 * 1024;

function run(file: string, args: readonly string[]): void {
  execFileSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** A mounted folder that goes away with its test; use it after the world in it is gone. */
class MountedDisk implements Disposable {
  /** What is in the test's own folder besides the mount: images. */
  readonly folder = mkdtempSync(join(tmpdir(), 'disk-'));
  readonly path = join(this.folder, 'mounted');

  constructor() {
    mkdirSync(this.path);
  }

  /** Writes one file until nothing fits any more, to the last byte; then so much becomes free again. */
  fill(leftBytes = 0): void {
    const path = join(this.path, 'ballast');
    const file = openSync(path, 'a');
    try {
      for (const size of [MIB, 4096, 1]) this.#append(file, Buffer.alloc(size, 1));
    } finally {
      closeSync(file);
    }
    truncateSync(path, Math.max(0, statSync(path).size - leftBytes));
  }

  #append(file: number, chunk: Buffer): void {
    for (;;) {
      try {
        writeSync(file, chunk);
      } catch {
        // Safe to ignore: full is what it is to be.
        return;
      }
    }
  }

  /** Makes room again. */
  free(): void {
    rmSync(join(this.path, 'ballast'), { force: true });
  }

  remount(options: string): void {
    run('mount', ['-o', `remount,${options}`, this.path]);
  }

  unmount(): void {
    run('umount', [this.path]);
  }

  [Symbol.dispose](): void {
    spawnSync('umount', [this.path]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A disk of so many MiB in memory. */
export function mountMemory(mib: number): MountedDisk {
  const disk = new MountedDisk();
  run('mount', ['-t', 'tmpfs', '-o', `size=${mib}m,mode=755`, 'phasr-test', disk.path]);
  return disk;
}

/**
 * A disk in an image file, ext4, which by itself writes nothing down for five minutes: what is in the image then is what a program has asked to be
 * there.
 */
export class ImageDisk extends MountedDisk {
  #image = join(this.folder, 'image');
  #cuts = 0;

  constructor(mib: number) {
    super();
    execFileSync('truncate', ['-s', `${mib}M`, this.#image]);
    run('mkfs.ext4', ['-q', '-F', this.#image]);
    this.#mount();
  }

  #mount(): void {
    run('mount', ['-o', 'loop,commit=300', this.#image, this.path]);
  }

  /** Everything written so far reaches the image. */
  flush(): void {
    run('sync', ['-f', this.path]);
  }

  /** The power goes, and comes back: the disk is what had reached the image, its journal replayed. Nothing may be using it. */
  cutPower(): void {
    this.#cuts += 1;
    const left = join(this.folder, `image-${this.#cuts}`);
    run('cp', ['--sparse=always', this.#image, left]);
    this.unmount();
    rmSync(this.#image);
    this.#image = left;
    this.#mount();
  }
}

/** Whether a disk of this kind can be made here. */
export function canMount(kind: 'memory' | 'image'): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    using disk = kind === 'memory' ? mountMemory(1) : new ImageDisk(8);
    return disk.path !== '';
  } catch {
    // Safe to ignore: not allowed, or no such program; that is the answer.
    return false;
  }
}

/** SQLite's own judgement of a database: `ok`, or what is wrong. */
export function checkDatabase(path: string): string {
  const script = `const { DatabaseSync } = require('@photostructure/sqlite');
    console.log(new DatabaseSync(process.argv[1]).prepare('PRAGMA integrity_check').get().integrity_check)`;
  return execFileSync(process.execPath, ['-e', script, path], { encoding: 'utf8' }).trim();
}
