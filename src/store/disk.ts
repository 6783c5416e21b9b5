/** What the disk below a path is like: room, kind, whether it tells capitals apart. Looks only; nothing is written to find out. */

import { type Dirent, lstatSync, readdirSync, type Stats, statfsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export type Disk = {
  /** The path, or the nearest folder above it that is there. */
  readonly path: string;
  /** Equal for two paths on the same disk. */
  readonly device: string;
  readonly freeBytes: number;
  /** `ext4`, `nfs` …; null when it is none that is known here. */
  readonly kind: string | null;
  /** Reached over a network, where SQLite's locks and memory cannot be relied on. */
  readonly isNetwork: boolean;
  /** Whether the middle of a file can be given back, as far as the kind says; null when unknown. */
  readonly canPunchHoles: boolean | null;
  /** Whether `a` and `A` are two files; null when no name on the way has a letter in it. */
  readonly isCaseSensitive: boolean | null;
};

type Kind = { readonly name: string; readonly isNetwork?: true; readonly canPunchHoles?: boolean };

/** Linux's `statfs` magic numbers (statfs(2), linux/magic.h), and which of them support FALLOC_FL_PUNCH_HOLE (fallocate(2)). */
const KINDS: ReadonlyMap<number, Kind> = new Map([
  [0xef53, { name: 'ext4', canPunchHoles: true }],
  [0x58465342, { name: 'xfs', canPunchHoles: true }],
  [0x9123683e, { name: 'btrfs', canPunchHoles: true }],
  [0x01021994, { name: 'tmpfs', canPunchHoles: true }],
  [0x2fc12fc1, { name: 'zfs', canPunchHoles: true }],
  [0xf2f52010, { name: 'f2fs', canPunchHoles: true }],
  [0x794c7630, { name: 'overlayfs' }],
  [0x4d44, { name: 'vfat', canPunchHoles: false }],
  [0x2011bab0, { name: 'exfat', canPunchHoles: false }],
  [0x6969, { name: 'nfs', isNetwork: true }],
  [0x517b, { name: 'smb', isNetwork: true }],
  [0xff534d42, { name: 'cifs', isNetwork: true }],
  [0xfe534d42, { name: 'smb2', isNetwork: true }],
  [0x01021997, { name: '9p', isNetwork: true }],
  [0x65735546, { name: 'fuse' }],
]);

/** The disk that a path is on, or would be on once it is made. */
export function inspectDisk(path: string): Disk {
  const there = nearestExisting(path);
  const { bavail, bsize, type } = statfsSync(there);
  const kind = process.platform === 'linux' ? KINDS.get(type >>> 0) : undefined;
  return {
    path: there,
    device: String(statSync(there).dev),
    freeBytes: bavail * bsize,
    kind: kind?.name ?? null,
    isNetwork: kind?.isNetwork === true,
    canPunchHoles: process.platform === 'linux' ? (kind?.canPunchHoles ?? null) : false,
    isCaseSensitive: tellsCapitalsApart(there),
  };
}

function nearestExisting(path: string): string {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    try {
      if (statSync(at).isDirectory()) return at;
    } catch {
      // Safe to ignore: it is not there, or may not be looked at; the folder above says enough.
    }
  }
  return '/';
}

/** Asks for the nearest name on the way with its capitals changed: it is the same file, or it is not. */
function tellsCapitalsApart(path: string): boolean | null {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    const name = basename(at);
    const other = name === name.toLowerCase() ? name.toUpperCase() : name.toLowerCase();
    if (other === name) continue;
    const [one, two] = [lstatSync(at), lstatSync(join(dirname(at), other), { throwIfNoEntry: false })];
    return two === undefined || two.ino !== one.ino || two.dev !== one.dev;
  }
  return null;
}

/** More entries than this are not counted. */
const ENTRIES_MAX = 1_000_000;

/** What the files below a folder take on the disk, in bytes; links are not followed, what vanishes meanwhile counts nothing. */
export function measureFolder(top: string): number {
  let bytes = 0;
  let seen = 0;
  const folders = [top];
  for (let folder = folders.pop(); folder !== undefined && seen < ENTRIES_MAX; folder = folders.pop()) {
    for (const entry of entriesOf(folder)) {
      seen++;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else bytes += 512 * (findStat(path)?.blocks ?? 0);
    }
  }
  return bytes;
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // Safe to ignore: it has just gone, or is closed to us.
    return [];
  }
}

function findStat(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    // Safe to ignore: as above.
    return undefined;
  }
}
