/** Standard input, read whole. */

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
