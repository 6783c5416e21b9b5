/**
 * The one door through which commits enter the user's repository: packed where they were made, re-hashed and checked where they
 * arrive, and protected from a clean-up until a ref holds them.
 */

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PhasrError } from '../base/errors.ts';
import { splitBytes } from '../base/text.ts';
import { identityKey, parseIdentityKey } from '../base/identity.ts';
import type { Oid } from '../base/oid.ts';
import { isAlive, ownIdentity } from '../process/table.ts';
import { readPlainFile } from './files.ts';
import { flushNames } from './flush.ts';
import { type GitPlace, pipeGit, runGit } from './git.ts';

export type Transfer = {
  /** Git dir and object store the commits are in. */
  readonly from: GitPlace;
  /** The user's repository. */
  readonly to: GitPlace & { readonly commonDir: string };
  readonly tips: readonly Oid[];
  /** What the user's repository has already. */
  readonly known: readonly Oid[];
  /**
   * `local`: only objects that lie in the store itself are sent, none that it borrows. `reachable`: everything that leads from `known` to the tips,
   * for commits whose objects lie in two stores (one that lies in both would be local to neither).
   */
  readonly scope: 'local' | 'reachable';
};

/** Lets a clean-up take the objects again if no ref holds them; call it when the refs are set (or were given up). */
export type Arrived = { readonly release: () => void };

const KEPT_BY = 'phasr ';

/**
 * Copies commits with everything they need. Two git processes.
 *
 * `--strict` parses and re-hashes every object and checks that what it refers to exists, so that forged or missing objects of an agent are
 * refused (hazards a33, a34, h28). `--keep` protects the new pack from `git gc --prune=now` until {@link Arrived.release}, or until the process named
 * there is dead ({@link releaseAbandoned}). What the person's git takes from a remote all the same (`fetch.fsck.<id>`, git-config(1)) is taken here, too.
 * Throws `git-failed` when an object does not pass.
 */
export async function transferCommits({ from, to, tips, known, scope }: Transfer): Promise<Arrived> {
  const revisions = [...tips, '--not', ...known, ''].join('\n');
  const pack = ['pack-objects', '--revs', '--stdout', '--delta-base-offset', '-q'];
  if (scope === 'local') pack.push('--local');
  const printed = await persist(to, (unpack) =>
    pipeGit([from, to], [pack, unpack], { stdin: revisions, durable: true }),
  );
  return arrive(to.commonDir, printed);
}

/** As {@link transferCommits}, for objects that were made here: what a pack of them says. One git process. */
export async function receivePack(to: Transfer['to'], pack: Buffer): Promise<Arrived> {
  const { stdout } = await persist(to, (unpack) => runGit(to, unpack, { stdin: pack, durable: true }));
  return arrive(to.commonDir, stdout);
}

/** Objects that do not pass fail so often, too, which costs them half a second. */
const TRIES_MAX = 5;

/**
 * A `git gc --prune=now` of the user's takes away every temporary pack, also one that is being written (git-prune(1)), and an old pack from under whoever reads it. What fails by
 * that passes when it is done again.
 */
async function persist<T>(to: GitPlace, work: (unpack: readonly string[]) => Promise<T>): Promise<T> {
  let strict = '--strict';
  for (let tries = 1; ; tries++) {
    try {
      return await work(await unpackArgs(strict));
    } catch (error) {
      const isGits = error instanceof PhasrError && error.code === 'git-failed';
      if (!isGits || tries >= TRIES_MAX) throw error;
      if (tries === 1) strict = await readStrictness(to);
      await delay(20 * 2 ** tries * (0.5 + Math.random()));
    }
  }
}

/** As git's own fetch tells index-pack (fetch-pack.c): by `fetch.fsck.<id>`, each `error`, `warn` or `ignore`. One git process. */
async function readStrictness(place: GitPlace): Promise<string> {
  const args = ['config', '-z', '--type=path', '--get-regexp', String.raw`^fetch\.fsck\.`];
  const { stdout } = await runGit(place, args, { ok: [0, 1] });
  const levels = splitBytes(stdout, 0).map((entry) =>
    entry
      .toString('utf8')
      .replace(/^fetch\.fsck\./, '')
      .replace('\n', '='),
  );
  return levels.length === 0 ? '--strict' : `--strict=${levels.join(',')}`;
}

async function unpackArgs(strict: string): Promise<readonly string[]> {
  return ['index-pack', '--stdin', strict, `--keep=${KEPT_BY}${identityKey(await ownIdentity())}`];
}

async function arrive(commonDir: string, printed: Buffer): Promise<Arrived> {
  const packs = join(commonDir, 'objects', 'pack');
  await flushNames([join(packs, 'pack')]);
  const name = /^keep\t([0-9a-f]+)$/m.exec(printed.toString('latin1'))?.[1];
  return {
    release: () => {
      if (name !== undefined) rmSync(join(packs, `pack-${name}.keep`), { force: true });
    },
  };
}

/**
 * Lets a clean-up take what dead processes had brought over: either a ref holds it, or whoever goes on with their work brings it anew.
 * One folder is read when there is nothing of the kind.
 */
export async function releaseAbandoned(commonDir: string): Promise<void> {
  const packs = join(commonDir, 'objects', 'pack');
  if (!existsSync(packs)) return;
  for (const name of readdirSync(packs).filter((entry) => entry.endsWith('.keep'))) {
    const reason = readPlainFile(join(packs, name), 256) ?? '';
    const keeper = reason.startsWith(KEPT_BY)
      ? parseIdentityKey(reason.slice(KEPT_BY.length).trim())
      : undefined;
    if (keeper !== undefined && !(await isAlive(keeper))) rmSync(join(packs, name), { force: true });
  }
}
