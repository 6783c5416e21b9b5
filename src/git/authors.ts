/** Whom commits name as their author and committer, and when. */

import { asOid, type Oid } from '../base/oid.ts';
import { type GitPlace, runGit } from './git.ts';

export type Authorship = {
  readonly oid: Oid;
  /** `Name <address>`, as the commit says; a mailmap has no say. */
  readonly author: string;
  readonly committer: string;
  readonly authoredAtMs: number;
  readonly committedAtMs: number;
};

type Range = {
  readonly base: Oid;
  readonly head: Oid;
  readonly max: number;
  /** Without what the person has in a branch, a remote-tracking branch or a tag; git reads all of these refs then. */
  readonly isNowhereElse: boolean;
};

/** The commits of `head` that are not in `base`, newest first. One git process. */
export async function listAuthors(
  place: GitPlace,
  { base, head, max, isNowhereElse }: Range,
): Promise<readonly Authorship[]> {
  const format = '--format=%H%x00%an <%ae>%x00%cn <%ce>%x00%at%x00%ct%x00';
  const elsewhere = isNowhereElse
    ? ['--not', '--exclude=phasr/*', '--branches', '--remotes', '--tags', '--not']
    : [];
  const { stdout } = await runGit(place, [
    'log',
    '-z',
    format,
    `--max-count=${max}`,
    '--no-mailmap',
    ...elsewhere,
    '--end-of-options',
    head,
    `^${base}`,
  ]);
  const fields = stdout.toString('utf8').split('\0');
  const commits: Authorship[] = [];
  // Five fields and the record's own closing NUL.
  for (let at = 0; at + 5 < fields.length; at += 6) {
    const [oid = '', author = '', committer = '', authored, committed] = fields.slice(at, at + 5);
    commits.push({
      oid: asOid(oid.trim()),
      author,
      committer,
      authoredAtMs: Number(authored) * 1000,
      committedAtMs: Number(committed) * 1000,
    });
  }
  return commits;
}

/** `Name <address>` that a commit of the person's gets as its author at present; undefined when git does not know him. One git process. */
export async function findOwnIdentity(place: GitPlace): Promise<string | undefined> {
  const { exitCode, stdout } = await runGit(place, ['var', 'GIT_AUTHOR_IDENT'], { ok: [0, 128] });
  return exitCode === 0
    ? stdout
        .toString('utf8')
        .trimEnd()
        .replace(/ \d+ [+-]\d{4}$/, '')
    : undefined;
}
