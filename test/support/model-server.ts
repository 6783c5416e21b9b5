/**
 * A model's server for tests, in the test's own process: it speaks as much of Anthropic's Messages and OpenAI's Responses as agent programs
 * need to work from a prompt to an end. What it answers stands in the prompt, from `SCRIPT:` to the end of the line, steps between `;;`:
 *
 * - `write FILE CONTENT`, `outside FILE`, `shell COMMAND`: the agent's own tool, one call of the model each;
 * - `say TEXT`, `recall` (what the person has said in this conversation), `flood KB`: an answer, which ends the run;
 * - `fail STATUS [TIMES]`: an error, that often (else for ever), then the next step;
 * - `hang`: no answer as long as the agent waits.
 *
 * How far a script is follows from the conversation alone, so that agents in parallel and sessions gone on with are told apart.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What each call counts, whatever was said. */
export const TOKENS_OF_CALL = { input: 1000, output: 50, cacheRead: 200 } as const;

export type ModelServer = AsyncDisposable & {
  readonly url: string;
  /** How often each script was called for, by its text. */
  readonly calls: ReadonlyMap<string, number>;
  /** Paths that were asked for and that it does not have. */
  readonly unknown: readonly string[];
};

type Step = { readonly verb: string; readonly rest: string };

/** A conversation, however the wire has it. */
type Turn = { readonly from: 'person' | 'model' | 'tool'; readonly text: string };

type Call = { readonly tool: 'write' | 'shell'; readonly path: string; readonly text: string };

type Answer =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'call'; readonly call: Call }
  | { readonly kind: 'error'; readonly status: number }
  | { readonly kind: 'nothing' };

type Body = { readonly [name: string]: unknown };

const SCRIPT = /SCRIPT:(.*)/;

/** Starts a server at a free port of the loopback interface. */
export async function startModelServer(host = '127.0.0.1'): Promise<ModelServer> {
  const calls = new Map<string, number>();
  const unknown: string[] = [];
  const server = createServer((request, response) => {
    void answerRequest(request, response, { calls, unknown });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    calls,
    unknown,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answerRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { calls, unknown }: { readonly calls: Map<string, number>; readonly unknown: string[] },
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const path = (request.url ?? '').replace(/\?.*/, '');
  const wire = path.endsWith('/messages') ? messages : path.endsWith('/responses') ? responses : undefined;
  if (wire === undefined || request.method !== 'POST') {
    unknown.push(`${request.method} ${path}`);
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end('{"error":{"message":"there is no such thing"}}');
    return;
  }
  const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Body;
  const answer = answerTo(wire.turns(body), calls);
  switch (answer.kind) {
    case 'nothing':
      return;
    case 'error':
      response.writeHead(answer.status, {
        'content-type': 'application/json',
        ...(answer.status === 429 ? { 'retry-after': '1' } : {}),
      });
      response.end(
        JSON.stringify({
          type: 'error',
          error: { type: 'scripted_error', message: `scripted ${answer.status}` },
        }),
      );
      return;
    case 'text':
    case 'call':
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const event of wire.events(answer, String(body['model']))) {
        response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
      }
      response.end();
  }
}

function answerTo(turns: readonly Turn[], calls: Map<string, number>): Answer {
  const at = turns.findLastIndex(({ from, text }) => from === 'person' && SCRIPT.test(text));
  // A call beside the conversation: a title, say.
  if (at === -1) return { kind: 'text', text: 'nothing was scripted' };
  const script = scriptOf(turns[at]);
  const count = (calls.get(script) ?? 0) + 1;
  calls.set(script, count);
  let toolsDone = turns.slice(at).filter(({ from }) => from === 'tool').length;
  for (const step of readSteps(script)) {
    const call = callOf(step);
    if (call !== undefined) {
      if (toolsDone === 0) return { kind: 'call', call };
      toolsDone -= 1;
      continue;
    }
    const [first = '', second = 'Infinity'] = step.rest.split(' ');
    switch (step.verb) {
      case 'say':
        return { kind: 'text', text: step.rest };
      case 'recall': {
        const said = turns.filter(({ from, text }) => from === 'person' && SCRIPT.test(text)).map(scriptOf);
        return { kind: 'text', text: `you have said: ${said.join(' | ')}` };
      }
      case 'flood':
        return { kind: 'text', text: flood(Number(first) * 1024) };
      case 'fail':
        if (count <= Number(second)) return { kind: 'error', status: Number(first) };
        break;
      case 'hang':
        return { kind: 'nothing' };
      default:
        throw new Error(`there is no step ${step.verb}`);
    }
  }
  return { kind: 'text', text: `done; the last tool said: ${turns.at(-1)?.text.slice(0, 200)}` };
}

function scriptOf(turn: Turn | undefined): string {
  return SCRIPT.exec(turn?.text ?? '')?.[1]?.trim() ?? '';
}

function readSteps(script: string): readonly Step[] {
  return script.split(';;').map((text) => {
    const [, verb = '', rest = ''] = /^\s*(\S+)\s*(.*?)\s*$/.exec(text) ?? [];
    return { verb, rest };
  });
}

function callOf({ verb, rest }: Step): Call | undefined {
  const [, path = '', text = ''] = /^(\S*)\s*(.*)$/.exec(rest) ?? [];
  if (verb === 'write') return { tool: 'write', path, text };
  if (verb === 'outside') return { tool: 'write', path, text: 'outside' };
  return verb === 'shell' ? { tool: 'shell', path: '', text: rest } : undefined;
}

/** Text in which no line is another's. */
function flood(bytes: number): string {
  const lines = Array.from(
    { length: Math.ceil(bytes / 64) },
    (_, index) => `${String(index).padStart(63, '.')}\n`,
  );
  return `${lines.join('')}the end of the flood`;
}

const PIECE_CHARACTERS = 8192;

function pieces(text: string): readonly string[] {
  return Array.from({ length: Math.ceil(text.length / PIECE_CHARACTERS) }, (_, index) =>
    text.slice(index * PIECE_CHARACTERS, (index + 1) * PIECE_CHARACTERS),
  );
}

type WireEvent = { readonly type: string } & Body;
type Spoken = Answer & { readonly kind: 'text' | 'call' };
type Wire = {
  readonly turns: (body: Body) => readonly Turn[];
  readonly events: (answer: Spoken, model: string) => Iterable<WireEvent>;
};

let lastId = 0;
const newId = (prefix: string): string => `${prefix}_${String((lastId += 1)).padStart(24, '0')}`;

function list(value: unknown): readonly Body[] {
  return Array.isArray(value) ? (value as readonly Body[]) : [];
}

/** Text, or a list of parts with text. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return list(content)
    .map((part) => (typeof part['text'] === 'string' ? part['text'] : ''))
    .join('\n');
}

const messages: Wire = {
  turns: (body) =>
    list(body['messages']).flatMap(({ role, content }): readonly Turn[] => {
      if (role !== 'user') return [{ from: 'model', text: textOf(content) }];
      const results = list(content).filter(({ type }) => type === 'tool_result');
      const text = textOf(content);
      return [
        ...results.map((result): Turn => ({ from: 'tool', text: textOf(result['content']) })),
        ...(text === '' ? [] : [{ from: 'person', text } as const]),
      ];
    }),
  *events(answer, model) {
    const { input, output, cacheRead } = TOKENS_OF_CALL;
    const usage = {
      input_tokens: input,
      output_tokens: output,
      cache_read_input_tokens: cacheRead,
      cache_creation_input_tokens: 0,
    };
    const reason = answer.kind === 'text' ? 'end_turn' : 'tool_use';
    const message = { id: newId('msg'), type: 'message', role: 'assistant', model, content: [] };
    yield { type: 'message_start', message: { ...message, stop_reason: null, stop_sequence: null, usage } };
    const delta = (change: Body): WireEvent => ({ type: 'content_block_delta', index: 0, delta: change });
    if (answer.kind === 'text') {
      yield { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } };
      for (const text of pieces(answer.text)) yield delta({ type: 'text_delta', text });
    } else {
      const { tool, path, text } = answer.call;
      const name = tool === 'write' ? 'Write' : 'Bash';
      const made = tool === 'write' ? { file_path: path, content: `${text}\n` } : { command: text };
      const block = { type: 'tool_use', id: newId('toolu'), name, input: {} };
      yield { type: 'content_block_start', index: 0, content_block: block };
      yield delta({ type: 'input_json_delta', partial_json: JSON.stringify(made) });
    }
    yield { type: 'content_block_stop', index: 0 };
    yield { type: 'message_delta', delta: { stop_reason: reason, stop_sequence: null }, usage };
    yield { type: 'message_stop' };
  },
};

const responses: Wire = {
  turns: (body) =>
    list(body['input']).flatMap((item): readonly Turn[] => {
      const type = typeof item['type'] === 'string' ? item['type'] : 'message';
      if (type.endsWith('_call_output')) return [{ from: 'tool', text: textOf(item['output']) }];
      if (type !== 'message') return [];
      return [{ from: item['role'] === 'user' ? 'person' : 'model', text: textOf(item['content']) }];
    }),
  *events(answer, model) {
    const { input, output, cacheRead } = TOKENS_OF_CALL;
    const response = { id: newId('resp'), object: 'response', model, output: [] };
    yield { type: 'response.created', response: { ...response, status: 'in_progress' } };
    if (answer.kind === 'text') {
      const item = { id: newId('msg'), type: 'message', role: 'assistant' };
      yield {
        type: 'response.output_item.added',
        output_index: 0,
        item: { ...item, status: 'in_progress', content: [] },
      };
      const at = { item_id: item.id, output_index: 0, content_index: 0 };
      for (const delta of pieces(answer.text)) yield { type: 'response.output_text.delta', ...at, delta };
      const content = [{ type: 'output_text', text: answer.text, annotations: [] }];
      yield {
        type: 'response.output_item.done',
        output_index: 0,
        item: { ...item, status: 'completed', content },
      };
    } else {
      yield {
        type: 'response.output_item.done',
        output_index: 0,
        item: { call_id: newId('call'), status: 'completed', ...responsesCall(answer.call) },
      };
    }
    yield {
      type: 'response.completed',
      response: {
        ...response,
        status: 'completed',
        usage: {
          input_tokens: input + cacheRead,
          input_tokens_details: { cached_tokens: cacheRead },
          output_tokens: output,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: input + cacheRead + output,
        },
      },
    };
  },
};

function responsesCall({ tool, path, text }: Call): Body {
  if (tool === 'shell') {
    return {
      type: 'function_call',
      id: newId('fc'),
      name: 'exec_command',
      arguments: JSON.stringify({ cmd: text }),
    };
  }
  const patch = `*** Begin Patch\n*** Add File: ${path}\n+${text}\n*** End Patch`;
  return { type: 'custom_tool_call', id: newId('ctc'), name: 'apply_patch', input: patch };
}
