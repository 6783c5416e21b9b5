/** Commits made from trees, by plumbing: no worktree, no hooks; signed only when asked to (ADR 0006). */

import { asOid, type Oid, parseOid } from '../base/oid.ts';
import type { Environment } from '../base/environment.ts';
import { PhasrError } from '../base/errors.ts';
import { type Setting, settingIsTrue, settingValue } from './config.ts';
import { type GitPlace, readGitLine, runGit } from './git.ts';

export type NewCommit = {
  readonly tree: Oid;
  readonly parents: readonly Oid[];
  readonly message: string;
  /** Another author than the user, with his date, when a commit is made anew (rebase). */
  readonly author: Environment | null;
  readonly sign: boolean;
};

/** Signing may have to wait for a person at a pinentry; after this it has failed (user pain P38: ≤ 30 s). */
const SIGNING_TIMEOUT_MS = 25_000;

/** Makes a commit object in the place's object store. Gives `signing-failed` with git's words when it could not be signed. */
export async function makeCommit(
  place: GitPlace,
  commit: NewCommit,
): Promise<
  { readonly kind: 'made'; readonly oid: Oid } | { readonly kind: 'signing-failed'; readonly message: string }
> {
  const parents = commit.parents.flatMap((parent) => ['-p', parent]);
  const args = ['commit-tree', ...(commit.sign ? ['-S'] : []), ...parents, '-F', '-', commit.tree];
  const variables = { ...place.variables, ...commit.author };
  try {
    const { stdout } = await runGit({ ...place, variables }, args, {
      stdin: commit.message.replaceAll('\0', ''),
      settings: ['i18n.commitEncoding=UTF-8'],
      durable: true,
      ...(commit.sign ? { timeoutMs: SIGNING_TIMEOUT_MS } : {}),
    });
    return { kind: 'made', oid: asOid(stdout.toString('latin1').trim()) };
  } catch (error) {
    if (!commit.sign || !(error instanceof PhasrError)) throw error;
    const { stderr } = error.details;
    return { kind: 'signing-failed', message: typeof stderr === 'string' ? stderr : error.message };
  }
}

/** Whether the user wants his commits signed (`commit.gpgSign`). */
export function wantsSigning(settings: readonly Setting[]): boolean {
  return settingIsTrue(settings, 'commit.gpgsign');
}

/**
 * Checks before any work starts that commits can be made in the user's name.
 * Throws `no-identity`. No git process when name and address are configured.
 */
export async function requireIdentity(place: GitPlace, settings: readonly Setting[]): Promise<void> {
  const named = (part: string): boolean =>
    ['user', 'committer'].some((who) => (settingValue(settings, `${who}.${part}`) ?? '') !== '');
  if (named('name') && named('email')) return;
  const { exitCode, stderr } = await runGit(place, ['var', 'GIT_COMMITTER_IDENT'], { ok: [0, 128] });
  if (exitCode === 0) return;
  throw new PhasrError(
    'no-identity',
    'git does not know who you are, so nothing could be committed in your name',
    {
      hint: 'git config --global user.name "Your Name" && git config --global user.email you@example.com',
      details: { stderr },
    },
  );
}

/** Everything about a commit that is needed to make it anew elsewhere. */
export type CommitParts = {
  readonly oid: Oid;
  readonly parents: readonly Oid[];
  readonly author: Environment;
  readonly message: string;
};

/**
 * The commits of `head` that are not in `base`, oldest first, with author and message. At most `max`; one git process.
 */
export async function listCommits(
  place: GitPlace,
  range: { readonly base: Oid; readonly head: Oid; readonly max: number },
): Promise<readonly CommitParts[]> {
  const format = ['%H', '%P', '%an', '%ae', '%ad', '%B'].join('%x00');
  const args = [
    'log',
    '-z',
    `--format=${format}%x00`,
    '--date=raw',
    '--topo-order',
    '--reverse',
    `--max-count=${range.max}`,
  ];
  const { stdout } = await runGit(place, [...args, '--end-of-options', range.head, `^${range.base}`]);
  const fields = stdout.toString('utf8').split('\0');
  const commits: CommitParts[] = [];
  // Six fields and the record's own closing NUL.
  for (let at = 0; at + 6 < fields.length; at += 7) {
    const [oid = '', parents = '', name = '', email = '', date = '', message = ''] = fields.slice(at, at + 6);
    commits.push({
      oid: asOid(oid.trim()),
      parents: parents
        .split(' ')
        .filter((parent) => parent !== '')
        .map(asOid),
      author: { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_AUTHOR_DATE: date },
      message,
    });
  }
  return commits;
}

/** True when `ancestor` is `descendant` or one of its ancestors. One git process. */
export async function isAncestor(place: GitPlace, ancestor: Oid, descendant: Oid): Promise<boolean> {
  if (ancestor === descendant) return true;
  const args = ['merge-base', '--is-ancestor', ancestor, descendant];
  return (await runGit(place, args, { ok: [0, 1] })).exitCode === 0;
}

/** A best common ancestor of two commits; undefined when they have none. One git process. */
export async function findMergeBase(place: GitPlace, one: Oid, other: Oid): Promise<Oid | undefined> {
  const { exitCode, stdout } = await runGit(place, ['merge-base', one, other], { ok: [0, 1] });
  return exitCode === 0 ? parseOid(stdout.toString('latin1').trim()) : undefined;
}

/** The tree of a commit. One git process. */
export async function readTree(place: GitPlace, commit: Oid): Promise<Oid> {
  return asOid(await readGitLine(place, ['rev-parse', '--verify', '--end-of-options', `${commit}^{tree}`]));
}
