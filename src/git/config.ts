/** The user's git settings: read once through git (so that includes and scopes are right), written into git dirs of our own. */

import type { Environment } from '../base/environment.ts';
import { type GitPlace, runGit } from './git.ts';

/** One setting as git lists it. `value` is null for a key without `=` (which means true). */
export type Setting = { readonly scope: string; readonly key: string; readonly value: string | null };

/** The user's settings in force here, in git's order; without what Phasr itself sets on each call. One git process. */
export async function listSettings(place: GitPlace): Promise<readonly Setting[]> {
  const { stdout } = await runGit(place, ['config', '-z', '--list', '--show-scope']);
  // Values may be in any encoding; latin1 keeps every byte.
  const fields = stdout.toString('latin1').split('\0');
  const settings: Setting[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const entry = fields[at + 1] ?? '';
    const newline = entry.indexOf('\n');
    settings.push({
      scope: fields[at] ?? '',
      key: newline === -1 ? entry : entry.slice(0, newline),
      value: newline === -1 ? null : entry.slice(newline + 1),
    });
  }
  return settings.filter(({ scope }) => scope !== 'command');
}

/** The last value of a key, as git takes it; undefined when it is not set. Keys are lower case but for subsections. */
export function settingValue(settings: readonly Setting[], key: string): string | undefined {
  const found = settings.findLast((setting) => setting.key === key);
  return found === undefined ? undefined : (found.value ?? 'true');
}

/** A setting's value as a boolean, by git's rules; numbers other than 0 are true. */
export function settingIsTrue(settings: readonly Setting[], key: string): boolean {
  const value = settingValue(settings, key)?.toLowerCase();
  return value !== undefined && !['false', 'no', 'off', '0', ''].includes(value);
}

/**
 * Whether objects of the repository were left at a remote, to be fetched when they are needed (git-clone(1), `--filter`).
 */
export function isPartialClone(settings: readonly Setting[]): boolean {
  return settings.some(
    ({ key }) =>
      key === 'extensions.partialclone' ||
      (/^remote\..+\.promisor$/.test(key) && settingIsTrue(settings, key)),
  );
}

/** Lets git ask the person's own remote for them. For commits of his, and for those of a task that were checked already; in places whose settings are his. */
export const FETCH_MISSING: Environment = { GIT_NO_LAZY_FETCH: '0' };

/**
 * Settings of the repository that do not go into a git dir of ours: those that say what a git dir *is* (we say it), where its
 * worktree is, and what would start work in the background.
 */
const NOT_COPIED = [
  /^core\.(?:bare|worktree|repositoryformatversion|fsmonitor|splitindex|untrackedcache|hookspath)$/,
  /^extensions\./,
  /^(?:gc|maintenance)\./,
  /^include(?:if)?\./,
];

/** The repository's own settings (scopes local and worktree) that a git dir of ours takes over. */
export function copiedSettings(settings: readonly Setting[]): readonly Setting[] {
  return settings.filter(
    ({ scope, key }) =>
      (scope === 'local' || scope === 'worktree') && !NOT_COPIED.some((rule) => rule.test(key)),
  );
}

/** Settings as the text of a config file, byte for byte (encode it as latin1). */
export function renderConfig(settings: readonly Omit<Setting, 'scope'>[]): string {
  const lines: string[] = [];
  let header = '';
  for (const { key, value } of settings) {
    const { section, name } = splitKey(key);
    if (section !== header) lines.push(section);
    header = section;
    lines.push(value === null ? `\t${name}` : `\t${name} = "${escapeValue(value)}"`);
  }
  return `${lines.join('\n')}\n`;
}

/** `remote.a.b.url` → section `[remote "a.b"]`, name `url`. */
function splitKey(key: string): { section: string; name: string } {
  const first = key.indexOf('.');
  const last = key.lastIndexOf('.');
  const name = key.slice(last + 1);
  if (first === last) return { section: `[${key.slice(0, first)}]`, name };
  const subsection = key.slice(first + 1, last).replaceAll(/["\\]/g, String.raw`\$&`);
  return { section: `[${key.slice(0, first)} "${subsection}"]`, name };
}

const VALUE_ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\t': '\\t',
  '\b': '\\b',
};

/** A value as it stands between the quotes of a settings file. */
export function escapeValue(value: string): string {
  return value.replaceAll(/[\\"\n\t\b]/g, (character) => VALUE_ESCAPES[character] ?? character);
}
