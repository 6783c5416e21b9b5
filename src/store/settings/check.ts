/** Holds a document against what it may say, and gives every problem with its place. */

import * as z from 'zod/mini';
import { findNearest } from '../../base/nearest.ts';
import { type Document, type Faulty, type Path, type Problem, PROBLEMS_MAX, renderKey } from './document.ts';

/** What may be said of a key that is not known where it stands, and has no near neighbour there; null for nothing. */
export type Explain = (path: Path) => string | null;

/** The typed value, or all problems in the order of the file. */
export function checkDocument<Value>(
  schema: z.core.$ZodType<Value>,
  document: Document,
  explain: Explain = () => null,
): { readonly value: Value } | Faulty {
  const checking: Checking = { schema, document, explain };
  const hostile = findPrototypeKeys(document.value).map((path) => unknownKey(checking, path));
  const checked = z.safeParse(schema, document.value);
  if (checked.success && hostile.length === 0) return { value: checked.data };
  const issues = checked.error?.issues ?? [];
  return {
    problems: inFileOrder([...hostile, ...issues.flatMap((issue) => problemsOf(checking, issue))]),
  };
}

/** Problems as they stand in the file from top to bottom, at most {@link PROBLEMS_MAX}. */
export function inFileOrder(problems: readonly Problem[]): readonly Problem[] {
  const rank = ({ position }: Problem): number =>
    position === null ? 0 : position.line * 100_000 + position.column;
  // Two checks of one value may say the same.
  const different = new Map(problems.map((problem) => [`${rank(problem)} ${problem.message}`, problem]));
  return [...different.values()].toSorted((a, b) => rank(a) - rank(b)).slice(0, PROBLEMS_MAX);
}

/** One problem at a key or at the value behind it; the message is a whole sentence. */
export function problemAt(
  document: Document,
  path: Path,
  said: { readonly message: string; readonly hint?: string | null; readonly part?: 'key' | 'value' },
): Problem {
  return {
    position: document.locate(path, said.part ?? 'key'),
    key: renderKey(path),
    message: said.message,
    hint: said.hint ?? null,
  };
}

/** The value at a path, undefined when there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  let found = value;
  for (const part of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, part)) return undefined;
    found = (found as Readonly<Record<string | number, unknown>>)[part];
  }
  return found;
}

type Checking = {
  readonly schema: z.core.$ZodType;
  readonly document: Document;
  readonly explain: Explain;
};

function problemsOf(checking: Checking, issue: z.core.$ZodIssue): readonly Problem[] {
  const { document } = checking;
  // Keys of parsed files are text and numbers only.
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys')
    return issue.keys.filter((key) => key !== '__proto__').map((key) => unknownKey(checking, [...path, key]));
  if (issue.code === 'invalid_key') {
    const name = JSON.stringify(path.at(-1));
    return [
      problemAt(document, path, { message: `${name} ${issue.issues[0]?.message ?? 'is no name here'}` }),
    ];
  }
  const value = valueAt(document.value, path);
  const key = path.length === 0 ? 'the file' : renderKey(path);
  if (value === undefined) return [problemAt(document, path, { message: `${key} is missing` })];
  const message = `${key} ${issue.message}, not ${renderValue(value)}`;
  return [problemAt(document, path, { message, part: 'value' })];
}

function unknownKey({ schema, document, explain }: Checking, path: Path): Problem {
  const name = String(path.at(-1));
  const nearest = findNearest(name, knownKeys(schema, path.slice(0, -1)));
  return problemAt(document, path, {
    message: `unknown key ${JSON.stringify(shorten(name))}`,
    hint: nearest === undefined ? explain(path) : `did you mean ${nearest}?`,
  });
}

/** The keys that the table at a path may have. */
function knownKeys(schema: z.core.$ZodType, path: Path): readonly string[] {
  let at: unknown = withoutOptional(schema);
  for (const part of path) {
    if (at instanceof z.ZodMiniObject) at = at.shape[String(part)];
    else if (at instanceof z.ZodMiniArray) at = at.def.element;
    else if (at instanceof z.ZodMiniRecord) at = at.def.valueType;
    else return [];
    at = withoutOptional(at);
  }
  return at instanceof z.ZodMiniObject ? Object.keys(at.shape) : [];
}

function withoutOptional(schema: unknown): unknown {
  return schema instanceof z.ZodMiniOptional ? schema.def.innerType : schema;
}

/** A key of this name is no key of ours anywhere, and libraries leave it out without a word. */
function findPrototypeKeys(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const inside = [...path, Array.isArray(value) ? Number(key) : key];
    return key === '__proto__' ? [inside] : findPrototypeKeys(inner, inside);
  });
}

function renderValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value));
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value instanceof Date) return 'a date';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'a table';
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
