/** TOML as a document. */

import { parse, TomlError } from 'smol-toml';
import { type Document, type Faulty, faulty, type Offsets, positionAt } from './document.ts';
import { locateTomlKeys } from './toml-positions.ts';

/** Reads a whole file. Positions are looked for when somebody asks for one, which is when something is wrong. */
export function readToml(text: string): Document | Faulty {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The first line says what; the others draw it.
    const [what = ''] = error.message.replace(/^Invalid TOML document: /, '').split('\n');
    return faulty(`not valid TOML: ${what}`, { position: { line: error.line, column: error.column } });
  }
  let offsets: Offsets | undefined;
  return {
    value,
    locate: (path, part) => positionAt(text, (offsets ??= locateTomlKeys(text)).locate(path, part)),
  };
}
