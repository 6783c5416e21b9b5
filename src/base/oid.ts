/** Names of git objects and refs, as values. */

declare const brand: unique symbol;

/** A full git object id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits, never the null id. */
export type Oid = string & { readonly [brand]: 'Oid' };

/** A full ref name. Short names are never given to git: a tag may have the same one. */
export type RefName = `refs/${string}`;

/** An object id from files or people; undefined for anything else, also for the null id (all zeros). */
export function parseOid(text: string): Oid | undefined {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text) && !/^0+$/.test(text) ? (text as Oid) : undefined;
}

/** For text that git itself printed as an object id. Throws when it is none (a bug or a broken git). */
export function asOid(text: string): Oid {
  const oid = parseOid(text);
  if (oid === undefined) throw new Error(`git printed no object id but ${JSON.stringify(text.slice(0, 80))}`);
  return oid;
}

/** The first nine digits, for people. */
export function shortOid(oid: Oid): string {
  return oid.slice(0, 9);
}

export function tagRef(tag: string): RefName {
  return `refs/tags/${tag}`;
}

export function branchRef(branch: string): RefName {
  return `refs/heads/${branch}`;
}
