/**
 * Git objects made here, without a process for each, and sent to the user's repository as one pack, which git re-hashes and checks there.
 * Source of the formats: gitformat-pack(5), and "Git Internals – Git Objects" for what is hashed.
 */

import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { asOid, type Oid } from '../base/oid.ts';

const TYPES = { commit: 1, tree: 2, blob: 3 } as const;

type ObjectType = keyof typeof TYPES;

/** A tree is mostly hashes: to make 60 of them a third smaller takes 15 ms instead of 1. The next `git gc` does better. */
const LEVELS = { commit: {}, tree: { level: 0 }, blob: {} } as const;

/** Objects to send. Each one is there once, however often it was added. */
export type ObjectSet = {
  readonly add: (type: ObjectType, content: Buffer) => Oid;
  readonly pack: () => Buffer;
};

/** For a repository whose object ids have so many digits: 40 (SHA-1) or 64 (SHA-256). */
export function collectObjects(oidLength: number): ObjectSet {
  const algorithm = oidLength === 64 ? 'sha256' : 'sha1';
  const objects = new Map<Oid, readonly Buffer[]>();
  return {
    add: (type, content) => {
      const oid = hashObject(type, content, oidLength);
      if (!objects.has(oid))
        objects.set(oid, [entryHeader(TYPES[type], content.length), deflateSync(content, LEVELS[type])]);
      return oid;
    },
    pack: () => {
      const header = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
      header.writeUInt32BE(objects.size, 8);
      const body = Buffer.concat([header, ...[...objects.values()].flat()]);
      return Buffer.concat([body, createHash(algorithm).update(body).digest()]);
    },
  };
}

/** The id that git gives to an object. */
function hashObject(type: ObjectType, content: Buffer, oidLength: number): Oid {
  const hash = createHash(oidLength === 64 ? 'sha256' : 'sha1');
  return asOid(hash.update(`${type} ${content.length}\0`).update(content).digest('hex'));
}

/** Type and size, seven bits at a time after the first four; the high bit says that more follow. */
function entryHeader(type: number, size: number): Buffer {
  const bytes = [(type << 4) | (size & 0x0f)];
  for (let rest = size >>> 4; rest > 0; rest >>>= 7) {
    bytes.push((bytes.pop() ?? 0) | 0x80, rest & 0x7f);
  }
  return Buffer.from(bytes);
}
