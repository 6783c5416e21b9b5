/** A command line as people write it into a setting, taken apart without a shell. Pure. */

/**
 * The words of a line: split at blanks; `'…'` and `"…"` hold a word together, a backslash takes the next character as it is (inside
 * double quotes only `"`, `\` and `$`). Nothing is expanded. Undefined when a quote is not closed.
 */
export function splitWords(line: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | null = null;
  let quote: string | null = null;
  const characters = [...line];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? '';
    const next = characters[at + 1] ?? '';
    if (quote !== null && character === quote) {
      quote = null;
    } else if (
      character === '\\' &&
      next !== '' &&
      (quote === null || (quote === '"' && '"\\$`'.includes(next)))
    ) {
      word = (word ?? '') + next;
      at++;
    } else if (quote === null && (character === '"' || character === "'")) {
      quote = character;
      word ??= '';
    } else if (quote === null && /\s/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== null) return undefined;
  return word === null ? words : [...words, word];
}

/** A word as a POSIX shell takes it back, for commands that a person is to copy. */
export function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
