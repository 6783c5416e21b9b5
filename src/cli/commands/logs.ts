/** `phasr logs`. */

import { StringDecoder } from 'node:string_decoder';
import { renderVisibleOutput } from '../../base/text.ts';
import type { LogRequest } from '../../operations/logs.ts';
import type { Phasr } from '../../phasr.ts';
import { reads, type Run } from '../../task/task.ts';
import type { TaskId } from '../../task/names.ts';
import {
  duration,
  flag,
  type Handler,
  type Invocation,
  parseTask,
  wholeNumber,
  withPhasr,
} from '../command.ts';
import { newEntryRenderer } from '../log-entries.ts';

export const logs: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, signal } = invocation;
    const id = parseTask(args, phasr.currentTask);
    const agoMs = duration(options, 'since');
    const request: LogRequest = {
      run: wholeNumber(options, 'run', { min: 1, max: 100_000 }),
      follow: flag(options, 'follow'),
      sinceMs: agoMs === null ? null : Date.now() - agoMs,
      signal,
    };
    const task = phasr.find(id);
    const run = request.run === null ? task.runs.at(-1) : task.runs.find(({ run: n }) => n === request.run);
    const isFollowed = request.follow ? await phasr.watching([id]) : () => undefined;
    try {
      if (flag(options, 'raw') || !isStream(run)) await printBytes(invocation, phasr, { id, request });
      else await printEntries(invocation, phasr, { id, request });
    } finally {
      isFollowed();
    }
    return signal.aborted ? 130 : 0;
  });

/** What a command prints is for people already; what an agent streams is not. */
function isStream(run: Run | undefined): boolean {
  return run !== undefined && reads(run) !== 'text';
}

type What = { readonly id: TaskId; readonly request: LogRequest };

async function printEntries({ options, output }: Invocation, phasr: Phasr, what: What): Promise<void> {
  const isJson = flag(options, 'json');
  const render = newEntryRenderer(output);
  for await (const entry of phasr.logEntries(what.id, what.request)) {
    if (isJson)
      output.jsonLine(
        'agent-event',
        entry.kind === 'gap' ? { kind: 'gap', droppedBytes: entry.droppedBytes } : entry.event,
      );
    else for (const line of render(entry)) await output.bytes(Buffer.from(`${line}\n`));
  }
}

async function printBytes({ options, output }: Invocation, phasr: Phasr, what: What): Promise<void> {
  const isJson = flag(options, 'json');
  const decoder = new StringDecoder('utf8');
  for await (const piece of phasr.logs(what.id, what.request)) {
    if (isJson)
      output.jsonLine(
        'agent-event',
        piece.kind === 'gap'
          ? { kind: 'gap', droppedBytes: piece.droppedBytes }
          : { kind: 'output', text: decoder.write(piece.bytes) },
      );
    else if (piece.kind === 'gap') await output.bytes(Buffer.from(gapLine(piece.droppedBytes)));
    else if (output.isTerminal)
      await output.bytes(Buffer.from(renderVisibleOutput(decoder.write(piece.bytes))));
    else await output.bytes(piece.bytes);
  }
}

function gapLine(droppedBytes: number): string {
  const size = droppedBytes === 0 ? 'some output' : `${droppedBytes} bytes of output`;
  return `\n[phasr: ${size} not kept here]\n`;
}
