/** What differs from a fingerprint: whose it is, and in words. */

import { join } from 'node:path';
import { parseOid, shortOid } from '../base/oid.ts';
import { findStat, readPlainFile } from '../git/files.ts';
import { fileBytes } from '../git/fingerprint.ts';
import { type Difference, UNREAD } from '../git/compare-fingerprints.ts';
import type { ForeignChange } from '../task/event.ts';

type Roots = { readonly commonDir: string; readonly worktreesDir: string };

/** The task that a thing belongs to by its name, `phasr` for what is Phasr's and no task's, null for the person's. */
export function ownerOf(
  { part, name }: Difference,
  { commonDir, worktreesDir }: Roots,
): number | 'phasr' | null {
  switch (part) {
    case 'task path':
      return Number.parseInt(name, 10);
    case 'ref':
      return ownerOfRef(name);
    case 'reflog':
      return ownerOfRef(name.replace(/^logs\//, ''));
    case 'listed':
    case 'folder':
    case 'file':
    case 'lock': {
      const inRegistration = ownerBelow(name, `${commonDir}/worktrees/phasr-`);
      const inTasks = ownerBelow(name, `${commonDir}/phasr/tasks/`);
      if (/^\.(?:trash|prompts)$/.test(name.slice(worktreesDir.length + 1))) return 'phasr';
      const refLock =
        part === 'lock' ? ownerOfRef(name.slice(commonDir.length + 1).replace(/\.lock$/, '')) : null;
      return inRegistration ?? inTasks ?? ownerBelow(name, `${worktreesDir}/`) ?? refLock;
    }
    case 'head':
    case 'pack':
    case 'objects':
    case 'path':
    case 'ignored':
      return null;
  }
}

function ownerBelow(path: string, prefix: string): number | null {
  const id = path.startsWith(prefix) ? /^\d+(?=[-/]|$)/.exec(path.slice(prefix.length))?.[0] : undefined;
  return id === undefined ? null : Number(id);
}

function ownerOfRef(name: string): number | 'phasr' | null {
  const id = /^refs\/(?:heads\/phasr\/task-(\d+)-|phasr\/[^/]+\/(\d+)(?:\/|$))/.exec(name);
  if (id !== null) return Number(id[1] ?? id[2]);
  return name.startsWith('refs/phasr/') ? 'phasr' : null;
}

const KINDS = {
  path: 'file',
  ignored: 'file',
  'task path': 'file',
  head: 'HEAD',
  ref: 'ref',
  file: 'setting',
  reflog: 'history',
  pack: 'objects',
  objects: 'objects',
  folder: 'folder',
  listed: 'folder',
  lock: 'lock',
} as const;

/** For people; names as they are. Reads a reflog's last line, and whether a file is there. */
export function describeDifference(difference: Difference, commonDir: string): ForeignChange {
  const { part, name } = difference;
  const shown =
    part === 'task path'
      ? name.replace(/^\d+ /, '')
      : part === 'objects' || part === 'pack'
        ? join(commonDir, 'objects', name)
        : name;
  const kind = part === 'file' && name.includes('/logs/') ? 'history' : KINDS[part];
  return { kind, name: shown, what: describe(difference, commonDir) };
}

function describe(difference: Difference, commonDir: string): string {
  const { part, name, before, after } = difference;
  switch (part) {
    case 'path':
      return describePath(name, before, after);
    case 'ref':
      return describeRef(difference, commonDir);
    case 'head':
      return after === null ? 'gone' : `switched from ${shortHead(before)} to ${shortHead(after)}`;
    case 'reflog':
      return after === null ? 'deleted' : 'emptied: what it remembered is gone';
    case 'objects':
    case 'pack':
      if (after !== null) return 'replaced by another file';
      return part === 'pack'
        ? `${before ?? ''} packs are gone`
        : `${(before ?? '').split(' ').length} objects are gone`;
    case 'lock':
      return 'left behind: git waits for it, or fails';
    case 'file':
    case 'folder':
    case 'listed':
    case 'ignored':
    case 'task path':
      if (part === 'task path') return name.endsWith('/') ? 'something in it is new, or gone' : 'changed';
      if (before === null) return 'created';
      if (after === null) return part === 'folder' || part === 'listed' ? 'gone' : 'deleted';
      if (part === 'file' && /\/config(?:\.worktree)?$/.test(name)) return describeSettings(before, after);
      return part === 'folder' ? 'replaced by another one' : 'changed';
  }
}

const KEYS_SHOWN_MAX = 5;

/** By their keys alone: values may be secrets. */
function describeSettings(before: string, after: string): string {
  const [was, is] = [readKeys(fileBytes(before) ?? ''), readKeys(fileBytes(after) ?? '')];
  const changed = [...new Set([...was.keys(), ...is.keys()])].filter((key) => was.get(key) !== is.get(key));
  if (changed.length === 0) return 'changed';
  const more = changed.length > KEYS_SHOWN_MAX ? ` and ${changed.length - KEYS_SHOWN_MAX} more` : '';
  return `changed: ${changed.slice(0, KEYS_SHOWN_MAX).join(', ')}${more}`;
}

/** The lines of a settings file of git's by their keys, well enough for people (git-config(1), "Syntax"). */
function readKeys(text: string): ReadonlyMap<string, string> {
  const lines = new Map<string, string>();
  let section = '';
  for (const line of text.split('\n')) {
    const head = /^\s*\[([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]?/.exec(line);
    if (head !== null) section = head[2] === undefined ? `${head[1]}.` : `${head[1]}.${head[2]}.`;
    const key = /^\s*([A-Za-z][\w-]*)\s*(?:=|$)/.exec(line)?.[1];
    if (key !== undefined) lines.set(section + key, `${lines.get(section + key) ?? ''}${line}\n`);
    else if (head !== null && !/\]/.test(line)) lines.set(line.trim(), line);
  }
  return lines;
}

function describePath(path: string, before: string | null, after: string | null): string {
  if (after?.startsWith(UNREAD) === true)
    return `git can no longer read this worktree: ${after.slice(UNREAD.length)}`;
  if (after === null) return findStat(path) === undefined ? 'deleted' : 'no longer uncommitted';
  const letters = after.slice(0, 2);
  if (letters === '??') return before === null ? 'created' : 'changed';
  return letters.includes('D') ? 'deleted' : 'changed';
}

const REFLOG_BYTES_MAX = 4 * 1024 * 1024;

/** What a ref's reflog says of its latest move; empty where there is none. */
function readReason(commonDir: string, name: string): string {
  const lines = readPlainFile(join(commonDir, 'logs', name), REFLOG_BYTES_MAX)
    ?.trimEnd()
    .split('\n');
  return Buffer.from(/\t(.*)$/.exec(lines?.at(-1) ?? '')?.[1] ?? '', 'latin1').toString('utf8');
}

/**
 * A remote-tracking branch that a fetch or a push has moved, as its reflog says: editors fetch every few minutes. An agent can write that line as well; what it wins is what a push would give it.
 */
export function isFetched({ part, name, after }: Difference, commonDir: string): boolean {
  if (part !== 'ref' || after === null || !name.startsWith('refs/remotes/')) return false;
  return /^(?:fetch|pull|update by push)\b/.test(readReason(commonDir, name));
}

function describeRef({ name, before, after }: Difference, commonDir: string): string {
  if (after === null) return `deleted (was at ${shortValue(before)})`;
  const said = readReason(commonDir, name);
  const why = said === '' ? '' : ` (${said.slice(0, 80)})`;
  return before === null
    ? `created at ${shortValue(after)}${why}`
    : `moved from ${shortValue(before)} to ${shortValue(after)}${why}`;
}

function shortValue(value: string | null): string {
  const oid = parseOid(value ?? '');
  return oid === undefined ? (value ?? 'nothing') : shortOid(oid);
}

function shortHead(text: string | null): string {
  return shortValue((text ?? 'nothing').replace(/^ref: refs\/heads\//, ''));
}
