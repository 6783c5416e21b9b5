/** What an agent's stream says, as lines for a person: calm enough to read along, whole enough to find out what went wrong. */

import { renderVisible, renderVisibleLines } from '../base/text.ts';
import type { AgentEvent, LogEntry } from '../operations/logs.ts';
import type { Output } from './output.ts';

/** Of a tool's output so many lines are shown; `--raw` has all of them. */
const TOOL_LINES_MAX = 12;
const LINE_CHARACTERS_MAX = 2000;

export function newEntryRenderer(output: Output): (entry: LogEntry) => readonly string[] {
  let partial = '';
  const flush = (): readonly string[] => {
    const text = partial;
    partial = '';
    return text === '' ? [] : textLines(text);
  };
  return (entry) => {
    if (entry.kind === 'gap') {
      const size = entry.droppedBytes === 0 ? 'some output' : `${entry.droppedBytes} bytes of output`;
      return [...flush(), output.color.dim(`[phasr: ${size} not kept here]`)];
    }
    const { event } = entry;
    if (event.kind === 'text' && event.isPartial) {
      partial += event.text;
      const end = partial.lastIndexOf('\n') + 1;
      const whole = partial.slice(0, end);
      partial = partial.slice(end);
      return whole === '' ? [] : textLines(whole.replace(/\n$/, ''));
    }
    return [...flush(), ...renderEvent(output, event)];
  };
}

function textLines(text: string): readonly string[] {
  return renderVisibleLines(text)
    .split('\n')
    .map((line) => line.slice(0, LINE_CHARACTERS_MAX));
}

function renderEvent({ color }: Output, event: AgentEvent): readonly string[] {
  switch (event.kind) {
    case 'session':
      return [
        color.dim(
          `session ${renderVisible(event.id)}${event.model === null ? '' : `, ${renderVisible(event.model)}`}`,
        ),
      ];
    case 'text':
      return event.text === '' ? [] : textLines(event.text);
    case 'thinking':
      return event.text.trim() === '' ? [] : textLines(event.text).map((line) => color.dim(`  ${line}`));
    case 'tool.started':
      return [`${color.cyan('●')} ${color.bold(renderVisible(event.tool))} ${oneLine(event.summary)}`];
    case 'tool.ended':
      return renderToolOutput(event.output).map((line) =>
        event.isError ? color.red(`  ${line}`) : color.dim(`  ${line}`),
      );
    case 'files':
      return [];
    case 'permission.refused':
      return [color.yellow(`✗ refused: ${renderVisible(event.tool)} ${oneLine(event.summary)}`)];
    case 'retry': {
      const { attempt, attemptsMax, trouble } = event;
      const count = attempt === null ? '' : ` ${attempt}${attemptsMax === null ? '' : `/${attemptsMax}`}`;
      return [color.yellow(`↻ retry${count}: ${trouble.kind} (${renderVisible(trouble.message)})`)];
    }
    case 'question':
      return [color.yellow(`? ${oneLine(event.text)}`)];
    case 'usage':
      return [];
    case 'warning':
      return [color.yellow(`! ${oneLine(event.text)}`)];
    case 'end': {
      const trouble =
        event.trouble === null ? '' : `: ${event.trouble.kind} (${renderVisible(event.trouble.message)})`;
      return [event.outcome === 'done' ? color.green('✓ done') : color.red(`✗ ${event.outcome}${trouble}`)];
    }
    case 'output':
      return textLines(event.text);
  }
}

function oneLine(text: string): string {
  return renderVisible(text.replaceAll(/\s*\n\s*/g, ' ⏎ ')).slice(0, LINE_CHARACTERS_MAX);
}

function renderToolOutput(text: string): readonly string[] {
  const lines = textLines(text.trimEnd());
  if (text.trim() === '') return [];
  if (lines.length <= TOOL_LINES_MAX) return lines;
  const half = TOOL_LINES_MAX / 2;
  return [...lines.slice(0, half), `… ${lines.length - TOOL_LINES_MAX} more lines …`, ...lines.slice(-half)];
}
