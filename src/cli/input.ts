/** Standard input: read whole, or one answer from the person at the keyboard. */

import { createInterface } from 'node:readline/promises';
import { usageError } from './command.ts';

/** Everything on standard input, at most `bytesMax` bytes (and one more, so that whoever checks sees that it is too much). Throws `usage` on a terminal. */
export async function readInput(bytesMax: number): Promise<Buffer> {
  const { stdin } = process;
  if (stdin.isTTY)
    throw usageError('standard input is your keyboard', 'As in: echo "fix the typo" | phasr run -');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk as Uint8Array);
    chunks.push(bytes);
    size += bytes.length;
    if (size > bytesMax) break;
  }
  return Buffer.concat(chunks);
}

/** Asks the person at the terminal; anything but y or yes is no, Ctrl-C too. */
export async function askYesNo(question: string, signal: AbortSignal): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await asking.question(`${question} [y/N] `, { signal });
    return /^y(?:es)?$/i.test(answer.trim());
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    asking.close();
  }
}
