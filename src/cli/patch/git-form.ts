/** A patch in git's own form, for terminals without colours and for pagers that read patches: git's words and colours, and every character that acts or hides spelt out. */

import type { Output } from '../output.ts';
import { showBytes, splitLines } from './lines.ts';

/** Turns a patch as git writes it into text for a terminal, line by line, so that size does not matter. */
export async function* renderGitForm(patch: AsyncIterable<Buffer>, output: Output): AsyncGenerator<string> {
  let isHeader = true;
  let paint = (text: string): string => text;
  for await (const { bytes, isStart, isEnd } of splitLines(patch)) {
    const text = showBytes(bytes, isEnd);
    if (isStart && text.startsWith('diff ')) isHeader = true;
    else if (isStart && text.startsWith('@@')) isHeader = false;
    if (isStart) paint = painterOf(output, text, isHeader);
    yield paint(text) + (isEnd ? '\n' : '');
  }
}

function painterOf({ color }: Output, line: string, isHeader: boolean): (text: string) => string {
  if (isHeader) return color.bold;
  if (line.startsWith('@@')) return (text) => text.replace(/^@@.*?@@/, (hunk) => color.cyan(hunk));
  if (line.startsWith('+')) return color.green;
  return line.startsWith('-') ? color.red : (text) => text;
}
