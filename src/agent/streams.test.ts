/** Recorded streams of the real programs: what each must come to, whole, cut, mixed with garbage, and in pieces of any size. */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { array, assert, constantFrom, integer, json, nat, oneof, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readerNamed } from './catalogue.ts';
import { type AgentEvent, usageOfRun } from './event.ts';
import { newLineSplitter } from './lines.ts';
import { newCollector } from './report.ts';

const FOLDER = fileURLToPath(new URL('../../test/fixtures/agent-streams/', import.meta.url));
const NAMES = readdirSync(FOLDER).filter((name) => name.endsWith('.jsonl'));

/** Its first line says what stands in its columns. */
const EXPECTED = readFileSync(`${FOLDER}expected.txt`, 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split(/\s+/).join(' '));

const agentOf = (name: string): string => name.split('-')[0] ?? '';

/** Everything that a stream says, piece by piece. */
function readPieces(agent: string, pieces: Iterable<Buffer>): readonly AgentEvent[] {
  const reader = readerNamed(agent);
  const splitter = newLineSplitter();
  const events: AgentEvent[] = [];
  const read = (line: string): void => {
    if (line !== '') events.push(...reader.read(line));
  };
  for (const piece of pieces) for (const line of splitter.push(piece)) read(line);
  read(splitter.rest() ?? '');
  return [...events, ...reader.finish(0)];
}

function outcomeOf(events: readonly AgentEvent[]): string {
  const collector = newCollector();
  for (const event of events) collector.add(event);
  return collector.report().end?.outcome ?? 'silent';
}

function describeStream(name: string): string {
  const collector = newCollector();
  for (const event of readPieces(agentOf(name), [readFileSync(FOLDER + name)])) collector.add(event);
  const { end, session, refused, retries, usage, filesTouched } = collector.report();
  const tokens = usage?.tokens;
  const numbers = tokens && [tokens.input, tokens.output, tokens.cacheRead, tokens.cacheWrite].join('/');
  return [
    name.replace('.jsonl', ''),
    end?.outcome ?? 'silent',
    end?.trouble?.kind ?? '-',
    session === null ? 'no' : 'yes',
    refused,
    retries,
    numbers ?? '-',
    usage?.costUsd ?? '-',
    filesTouched,
  ].join(' ');
}

test('every recorded stream comes to what its agent did, used and was refused', () => {
  expect(NAMES.map(describeStream).sort()).toEqual([...EXPECTED].sort());
});

test('a run that goes on with a session of Qwen is charged with its own tokens alone', () => {
  const collector = newCollector();
  for (const event of readPieces('qwen', [readFileSync(`${FOLDER}qwen-resumed.jsonl`)])) collector.add(event);
  const { usage } = collector.report();
  // What `qwen-res2`, the run before it, came to.
  const tokens = { input: 2000, output: 100, cacheRead: 400, cacheWrite: 0 };
  expect(usage && usageOfRun(usage, { tokens, costUsd: null }).tokens).toEqual(tokens);
});

const piEnd = (message: object): object => ({ type: 'agent_end', messages: [message] });
const stepEnd = (reason: string): object => ({ type: 'step_finish', part: { reason } });

/** Last words that no recording has: each differs from one that is `done` by one field. */
const LAST_WORDS: readonly (readonly [agent: string, outcome: string, lines: readonly object[]])[] = [
  ['copilot', 'done', [{ type: 'result', exitCode: 0 }]],
  ['copilot', 'failed', [{ type: 'result', exitCode: 1 }]],
  ['copilot', 'failed', [{ type: 'result' }]],
  [
    'copilot',
    'failed',
    [
      { type: 'session.error', data: { message: 'no' } },
      { type: 'result', exitCode: 0 },
    ],
  ],
  ['copilot', 'interrupted', [{ type: 'assistant.turn_start' }, { type: 'result', exitCode: 0 }]],
  [
    'copilot',
    'interrupted',
    [
      { type: 'assistant.idle', data: { aborted: true } },
      { type: 'result', exitCode: 0 },
    ],
  ],
  ['copilot', 'interrupted', [{ type: 'abort' }]],
  ['copilot', 'failed', [{ type: 'session.error', data: { message: 'no' } }]],
  ['pi', 'done', [piEnd({ role: 'assistant', stopReason: 'stop' })]],
  ['pi', 'failed', [piEnd({ role: 'user', stopReason: 'stop' })]],
  ['pi', 'failed', [piEnd({ role: 'assistant', stopReason: 'length' })]],
  ['pi', 'failed', [{ type: 'agent_end', messages: [] }]],
  ['pi', 'interrupted', [piEnd({ role: 'assistant', stopReason: 'aborted' })]],
  ['cline', 'done', [{ type: 'run_result', finishReason: 'completed' }]],
  ['cline', 'failed', [{ type: 'run_result', finishReason: 'error' }]],
  ['cline', 'failed', [{ type: 'run_result' }]],
  ['cline', 'interrupted', [{ type: 'run_result', finishReason: 'aborted' }]],
  [
    'cline',
    'interrupted',
    [
      { type: 'agent_event', event: { type: 'error', error: { message: 'no' } } },
      { type: 'run_result', finishReason: 'aborted' },
    ],
  ],
  ['cline', 'silent', [{ type: 'agent_event', event: { type: 'done', reason: 'completed' } }]],
  ['cline', 'failed', [{ type: 'error', message: 'no provider' }]],
  ['gemini', 'done', [{ type: 'result', status: 'success' }]],
  ['gemini', 'failed', [{ type: 'result', status: 'error' }]],
  ['gemini', 'failed', [{ type: 'result' }]],
  ['opencode', 'done', [stepEnd('stop')]],
  ['opencode', 'silent', [stepEnd('tool-calls')]],
  ['opencode', 'failed', [stepEnd('length')]],
  ['opencode', 'silent', [{ type: 'step_finish', part: {} }]],
  ['opencode', 'silent', [stepEnd('stop'), { type: 'step_start' }]],
  ['opencode', 'failed', [stepEnd('stop'), { type: 'error', error: {} }]],
  ['qwen', 'done', [{ type: 'result', subtype: 'success', is_error: false }]],
  ['qwen', 'failed', [{ type: 'result', subtype: 'success', is_error: true }]],
  ['qwen', 'failed', [{ type: 'result', subtype: 'error_during_execution', is_error: false }]],
  ['qwen', 'failed', [{ type: 'result', subtype: 'success' }]],
];

test.each(LAST_WORDS)('every field of the last word counts: %s is %s after %j', (agent, outcome, lines) => {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  expect(outcomeOf(readPieces(agent, [Buffer.from(text)]))).toBe(outcome);
});

test('nothing of a recorded stream is taken for something else than the agent says', () => {
  for (const name of NAMES) {
    const events = readPieces(agentOf(name), [readFileSync(FOLDER + name)]);
    expect(
      events.filter(({ kind }) => kind === 'output'),
      name,
    ).toEqual([]);
  }
});

/** Positions of cuts, spread over a stream. */
function cuts(length: number): readonly number[] {
  const step = Math.max(1, Math.floor(length / 300));
  return Array.from({ length: Math.floor(length / step) }, (_, index) => index * step);
}

/** Lines of a stream as bytes, without their newlines. */
function linesOf(bytes: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0, end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

const NESTED = 5000;
/** Lines that none of the agents prints; each of them comes out as it is. */
const GARBAGE: readonly Buffer[] = [
  Buffer.from([0x00, 0x01, 0xff, 0xfe, 0xc3, 0x28]),
  ...[
    '{"type":',
    'null',
    '[]',
    '"x"',
    '{}',
    '{"type":7}',
    '{"type":null}',
    '['.repeat(NESTED),
    '{"a":'.repeat(NESTED),
    `${'{"a":'.repeat(NESTED)}1${'}'.repeat(NESTED)}`,
  ].map((text) => Buffer.from(text)),
];
const LONG_GARBAGE = Buffer.from(`{"type":"${'x'.repeat(5_000_000)}`);

/** Values that a reader does not expect anywhere, by names: a failure shows these. */
const STRANGE: Readonly<Record<string, string>> = {
  'nested objects': `${'{"a":'.repeat(NESTED)}1${'}'.repeat(NESTED)}`,
  'nested lists': `${'['.repeat(NESTED)}${']'.repeat(NESTED)}`,
  'half a character': '"\\ud800"',
  'no finite number': '1e999',
  'a prototype': '{"__proto__":{"type":"result"},"length":1e9}',
};

function countValues(line: string): number {
  let count = 0;
  JSON.parse(line, (_, found: unknown) => {
    count++;
    return found;
  });
  return count;
}

/** A line of JSON with one of its values replaced by another. That is put in as text: some are too deep to be written. */
function withValue(line: string, { at, value }: { readonly at: number; readonly value: string }): string {
  const hole = '@hole@';
  const place = at % countValues(line);
  let index = 0;
  const holed: unknown = JSON.parse(line, (_, found: unknown) => (index++ === place ? hole : found));
  return JSON.stringify(holed).replace(`"${hole}"`, () => value);
}

/** Reads and collects lines, as whoever follows a run does. */
function readLines(agent: string, lines: readonly string[]): void {
  const reader = readerNamed(agent);
  const collector = newCollector();
  for (const line of lines) for (const event of reader.read(line)) collector.add(event);
  for (const event of reader.finish(0)) collector.add(event);
}

describe.each(NAMES)('%s', (name) => {
  const bytes = readFileSync(FOLDER + name);
  const agent = agentOf(name);
  const whole = readPieces(agent, [bytes]);

  test('cut anywhere it is read as far as it goes, and is done only with its whole last word', () => {
    // opencode has no terminal event: its last step is its last word.
    const lastWord = bytes.length - 1;
    for (const cut of [...cuts(bytes.length), lastWord - 1, lastWord]) {
      const outcome = outcomeOf(readPieces(agent, [bytes.subarray(0, cut)]));
      if (outcome === 'done') expect(cut, `${cut} of ${bytes.length}`).toBe(lastWord);
    }
  });

  test('the beginning of a line, cut at any byte, is shown as it is, ends nothing and changes nothing', () => {
    const reader = readerNamed(agent);
    const events: AgentEvent[] = [];
    for (const line of linesOf(bytes)) {
      for (let cut = 1; cut < line.length; cut++) {
        const text = line.toString('utf8', 0, cut);
        const read = reader.read(text);
        const [first] = read;
        if (read.length !== 1 || first?.kind !== 'output' || first.text !== text)
          expect(read, text).toEqual([{ kind: 'output', text }]);
        if (outcomeOf([...events, ...reader.finish(0)]) === 'done') expect.fail(`done with ${text}`);
      }
      events.push(...reader.read(line.toString('utf8')));
    }
    expect([...events, ...reader.finish(0)]).toEqual(whole);
  });

  test('garbage between its lines is shown as it is and changes nothing', () => {
    const lines = linesOf(bytes);
    const mixed = [LONG_GARBAGE, ...lines.flatMap((line) => [...GARBAGE, line])];
    const events = readPieces(
      agent,
      mixed.flatMap((line) => [line, Buffer.from('\n')]),
    );
    expect(events.filter(({ kind }) => kind !== 'output')).toEqual(whole);
    const outputs = events.flatMap((event) => (event.kind === 'output' ? [event.text] : []));
    const expected = [LONG_GARBAGE, ...lines.flatMap(() => GARBAGE)].map((line) => line.toString('utf8'));
    expect(outputs.length).toBe(expected.length);
    expect(outputs.every((text, index) => text === expected[index])).toBe(true);
  });

  test('whatever stands in place of its values, it is read without a throw', () => {
    const lines = linesOf(bytes).map((line) => line.toString('utf8'));
    const anyValue = oneof(json({ maxDepth: 3 }), constantFrom(...Object.keys(STRANGE)));
    assert(
      property(integer({ min: 0, max: lines.length - 1 }), nat(), anyValue, (index, at, value) => {
        const changed = withValue(lines[index] ?? '', { at, value: STRANGE[value] ?? value });
        readLines(agent, [...lines.slice(0, index), changed, ...lines.slice(index)]);
      }),
      { numRuns: 30 },
    );
  });

  test('in pieces of any size it says the same', () => {
    assert(
      property(array(integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 20 }), (sizes) => {
        const pieces: Buffer[] = [];
        for (let at = 0, index = 0; at < bytes.length; index++) {
          const size = sizes[index % sizes.length] ?? 1;
          pieces.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(readPieces(agent, pieces)).toEqual(whole);
      }),
      { numRuns: 10 },
    );
  });
});

test('no value of any line is nested too deeply to be read', () => {
  const value = STRANGE['nested objects'] ?? '';
  const seen = new Set<string>();
  for (const name of NAMES) {
    const lines = linesOf(readFileSync(FOLDER + name)).map((line) => line.toString('utf8'));
    const changed = lines.flatMap((line) => {
      const shape = `${agentOf(name)} ${line.replaceAll(/(?<=:)"(?:[^"\\]|\\.)*"|\d+/g, '')}`;
      if (seen.has(shape)) return [line];
      seen.add(shape);
      const places = Array.from({ length: countValues(line) }, (_, at) => at);
      return [...places.map((at) => withValue(line, { at, value })), line];
    });
    expect(() => readLines(agentOf(name), changed), name).not.toThrow();
  }
});

test('a line of 5 MB that comes in pieces of 1 KiB is read like any other', () => {
  const text = 'ü'.repeat(2_500_000);
  const line = `${JSON.stringify({ type: 'assistant', message: { content: [{ type: 'text', text }] } })}\n`;
  const bytes = Buffer.from(line);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 1024) }, (_, index) =>
    bytes.subarray(index * 1024, (index + 1) * 1024),
  );
  expect(readPieces('claude', pieces)).toEqual([{ kind: 'text', text, isPartial: false }]);
});

test('a line longer than 64 MiB is cut, and what follows is read', () => {
  const splitter = newLineSplitter();
  const piece = Buffer.alloc(1024 * 1024, 0x61);
  for (let n = 0; n < 70; n++) expect(splitter.push(piece)).toEqual([]);
  const [long, next] = splitter.push(Buffer.from('\nnext\n'));
  expect([long?.length, next]).toEqual([64 * 1024 * 1024, 'next']);
});

test('an answer of 2 MB costs at most three times its size in memory', () => {
  const script = `
    import { newLineSplitter } from './lines.ts';
    import { readerNamed } from './catalogue.ts';
    import { newCollector } from './report.ts';
    const text = 'a'.repeat(2_000_000);
    const line = Buffer.from(JSON.stringify({ type: 'assistant', message: { content: [{ type: 'text', text }] } }) + '\\n');
    const [reader, splitter, collector] = [readerNamed('claude'), newLineSplitter(), newCollector()];
    const held = () => { globalThis.gc(); const m = process.memoryUsage(); return m.heapUsed + m.external; };
    // What a first line costs is the code that reads it, not the line.
    const first = Buffer.from('{"type":"assistant","message":{"content":[{"type":"text","text":"a"}]}}\\n');
    for (const whole of splitter.push(first)) for (const event of reader.read(whole)) collector.add(event);
    const before = held();
    let peak = 0;
    const readAll = () => {
      for (let at = 0; at < line.length; at += 65536) {
        const piece = Buffer.from(line.subarray(at, at + 65536));
        for (const whole of splitter.push(piece))
          for (const event of reader.read(whole)) {
            collector.add(event);
            peak = Math.max(peak, held() - before);
          }
        peak = Math.max(peak, held() - before);
      }
    };
    readAll();
    console.log(peak / 2_000_000, (held() - before) / 2_000_000);
  `;
  const resolveDir = fileURLToPath(new URL('.', import.meta.url));
  const stdin = { contents: script, resolveDir, loader: 'ts' } as const;
  const built = buildSync({ stdin, bundle: true, write: false, platform: 'node', format: 'esm' });
  const args = ['--expose-gc', '--input-type=module', '-e', built.outputFiles[0]?.text ?? ''];
  const [peak, after] = execFileSync(process.execPath, args, { encoding: 'utf8' })
    .trim()
    .split(' ')
    .map(Number);
  expect(peak).toBeLessThanOrEqual(3);
  expect(after).toBeLessThanOrEqual(0.5);
});
