/** Prompts as they come through a pipe. */

import { PhasrError } from '../base/errors.ts';
import { decodeUtf8 } from '../base/text.ts';

/** What a person or a script pipes in is text; more than this is a mistake. */
export const PROMPT_INPUT_BYTES_MAX = 4 * 1024 * 1024;

/**
 * The prompts in what was read from standard input: the whole input is one, or with `lines` each line that is not blank is one.
 * Newlines at the end and a byte order mark belong to no prompt. Throws `prompt-unusable`.
 */
export function parsePromptInput(
  bytes: Uint8Array,
  { lines }: { readonly lines: boolean },
): readonly string[] {
  if (bytes.length > PROMPT_INPUT_BYTES_MAX)
    throw unusable('standard input has more than 4 MiB', 'Give a file to the agent by its name instead.');
  const text = decodeUtf8(bytes)?.replace(/^\uFEFF/, '');
  if (text === undefined)
    throw unusable('standard input is not UTF-8 text', 'Convert it first, as in: iconv -t UTF-8');
  if (text.includes('\0'))
    throw unusable('standard input has NUL characters', 'Remove them; no program could get them.');
  const prompts = lines
    ? text
        .split(/\r?\n/)
        .map((line) => line.trim())
        .filter((line) => line !== '')
    : [text.replace(/[\r\n]+$/, '')].filter((prompt) => prompt.trim() !== '');
  if (prompts.length > 0) return prompts;
  throw unusable('standard input has no prompt', 'As in: echo "fix the typo" | phasr run -');
}

function unusable(message: string, hint: string): PhasrError {
  return new PhasrError('prompt-unusable', message, { hint });
}
