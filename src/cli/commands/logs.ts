/** `phasr logs`. */

import { StringDecoder } from 'node:string_decoder';
import { renderVisibleOutput } from '../../base/text.ts';
import { flag, type Handler, parseTask, wholeNumber, withPhasr } from '../command.ts';

export const logs: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output, signal } = invocation;
    const id = parseTask(args, phasr.currentTask);
    const request = {
      run: wholeNumber(options, 'run', { min: 1, max: 100_000 }),
      follow: flag(options, 'follow'),
      signal,
    };
    const isJson = flag(options, 'json');
    const decoder = new StringDecoder('utf8');
    for await (const piece of phasr.logs(id, request)) {
      if (isJson)
        output.json(
          piece.kind === 'gap' ? { droppedBytes: piece.droppedBytes } : { text: decoder.write(piece.bytes) },
        );
      else if (piece.kind === 'gap') await output.bytes(Buffer.from(gapLine(piece.droppedBytes)));
      else if (output.isTerminal)
        await output.bytes(Buffer.from(renderVisibleOutput(decoder.write(piece.bytes))));
      else await output.bytes(piece.bytes);
    }
    return 0;
  });

function gapLine(droppedBytes: number): string {
  const size = droppedBytes === 0 ? 'some output' : `${droppedBytes} bytes of output`;
  return `\n[phasr: ${size} not kept here]\n`;
}
