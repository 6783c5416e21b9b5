/** What happened to a file as a whole, from the lines that git writes above its hunks. */

import { renderPath, renderVisible } from '../../base/text.ts';

export type FileHeader = {
  readonly what: 'changed' | 'new' | 'deleted' | 'renamed' | 'copied';
  /** `a → b` for a renamed or copied file. Safe to show. */
  readonly name: string;
  /** Mode changes, binary content, how much of a renamed file is the same; safe to show. */
  readonly notes: readonly string[];
};

const MODE_NAMES: Readonly<Record<string, string>> = {
  '100755': 'executable',
  '120000': 'symbolic link',
  '160000': 'submodule',
};

/** Takes the lines with one character for each byte. Lines that say nothing new to a person (object names, `---`, `+++`) are left out. */
export function parseFileHeader(lines: readonly string[]): FileHeader {
  const valueOf = (key: string): string | undefined =>
    lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1);
  const [first = ''] = lines;
  const name = nameOf(first.replace(/^diff --git /, '')) ?? renderPath(Buffer.from(first, 'latin1'));
  const newMode = valueOf('new file mode');
  const deletedMode = valueOf('deleted file mode');
  const [from, to] = [valueOf('old mode'), valueOf('new mode')];
  const similarity = valueOf('similarity index');
  const isBinary = lines.some((line) => line.startsWith('Binary files ') || line === 'GIT binary patch');
  const special = MODE_NAMES[newMode ?? deletedMode ?? ''];
  const notes = [
    ...(similarity === undefined || similarity === '100%' ? [] : [`${similarity} the same`]),
    ...(from === undefined || to === undefined ? [] : [`mode ${from} → ${to}`]),
    ...(special === undefined ? [] : [special]),
    ...(isBinary ? ['binary'] : []),
  ].map(renderVisible);
  const moved = (verb: string): string | undefined => {
    const [before, after] = [valueOf(`${verb} from`), valueOf(`${verb} to`)];
    if (before === undefined || after === undefined) return undefined;
    return `${renderPath(unquote(before))} → ${renderPath(unquote(after))}`;
  };
  const renamed = moved('rename');
  if (renamed !== undefined) return { what: 'renamed', name: renamed, notes };
  const copied = moved('copy');
  if (copied !== undefined) return { what: 'copied', name: copied, notes };
  const what = newMode !== undefined ? 'new' : deletedMode !== undefined ? 'deleted' : 'changed';
  return { what, name, notes };
}

/** The path in `a/path b/path` when both are the same, as they are for all but renames and copies. Undefined when they are not. */
function nameOf(paths: string): string | undefined {
  if (paths.startsWith('"')) {
    const quoted = /^"(?:[^"\\]|\\.)*"/.exec(paths)?.[0];
    return quoted === undefined ? undefined : renderPath(unquote(quoted).subarray(2));
  }
  const length = (paths.length - 5) / 2;
  const path = paths.slice(2, 2 + length);
  return paths === `a/${path} b/${path}` ? renderPath(Buffer.from(path, 'latin1')) : undefined;
}

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };

/** A path as git quotes it (C style, with `core.quotePath`), as bytes. */
function unquote(word: string): Buffer {
  if (!word.startsWith('"')) return Buffer.from(word, 'latin1');
  const plain = word.slice(1, -1).replaceAll(/\\([0-7]{3}|.)/gs, (_, escape: string) => {
    const code = escape.length === 3 ? Number.parseInt(escape, 8) : (ESCAPES[escape] ?? escape.charCodeAt(0));
    return String.fromCodePoint(code & 0xff);
  });
  return Buffer.from(plain, 'latin1');
}
