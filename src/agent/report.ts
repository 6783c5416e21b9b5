/** What a run's agent events come to: the last thing done, what was used, how it ended. Bounded, whatever the agent prints. */

import type { AgentEvent, ReportedUsage, Trouble } from './event.ts';

/** The collected report as of now. */
export type Report = {
  readonly session: string | null;
  /** Where it says that it works; null when it does not say. */
  readonly cwd: string | null;
  readonly model: string | null;
  /** The last thing done, in one line; empty before the first. */
  readonly action: string;
  /** A question that nobody has answered. */
  readonly question: string | null;
  /** The last failed call to the model, when nothing has worked since. */
  readonly retrying: Trouble | null;
  /** Whether a tool is at work. */
  readonly isToolOpen: boolean;
  readonly filesTouched: number;
  readonly refused: number;
  readonly retries: number;
  readonly usage: ReportedUsage | null;
  /** Its last words. */
  readonly said: string;
  /** What it complained of last, for when its end does not say why. */
  readonly trouble: Trouble | null;
  readonly end: {
    readonly outcome: 'done' | 'failed' | 'interrupted';
    readonly trouble: Trouble | null;
  } | null;
};

export type Collector = {
  readonly add: (event: AgentEvent) => void;
  readonly report: () => Report;
};

const ACTION_CHARACTERS_MAX = 200;
/** White space is folded in no more than this. */
const CUT_FROM_MAX = 10_000;
const SAID_CHARACTERS_MAX = 2000;
/** More files than this are counted, but no longer told apart. */
const FILES_MAX = 10_000;
const OPEN_TOOLS_MAX = 1000;

const EMPTY: Report = {
  session: null,
  cwd: null,
  model: null,
  action: '',
  question: null,
  retrying: null,
  isToolOpen: false,
  filesTouched: 0,
  refused: 0,
  retries: 0,
  usage: null,
  said: '',
  trouble: null,
  end: null,
};

type State = {
  report: Report;
  /** Whether the last text goes on with the next one. */
  isTextOpen: boolean;
  readonly files: Set<string>;
  readonly openTools: Set<string>;
};

/** A collector with nothing in it. */
export function newCollector(): Collector {
  const state: State = { report: EMPTY, isTextOpen: false, files: new Set(), openTools: new Set() };
  return {
    add: (event) => {
      state.report = { ...state.report, ...changeOf(state, event) };
    },
    report: () => state.report,
  };
}

function changeOf(state: State, event: AgentEvent): Partial<Report> {
  const { report } = state;
  switch (event.kind) {
    case 'session':
      return { session: event.id, cwd: event.cwd ?? report.cwd, model: event.model ?? report.model };
    case 'text':
      return addText(state, event.text, event.isPartial);
    case 'thinking':
      return { ...WORKING, action: 'thinking' };
    case 'tool.started':
    case 'tool.ended':
      return addTool(state, event);
    case 'files':
      for (const path of event.paths) if (state.files.size < FILES_MAX) state.files.add(path);
      return { filesTouched: state.files.size };
    case 'permission.refused':
      return { refused: report.refused + 1 };
    case 'retry':
      return { retries: report.retries + 1, retrying: event.trouble, trouble: event.trouble };
    case 'question':
      return { question: cut(event.text) };
    case 'usage':
      return { usage: event.usage };
    case 'end':
      return { end: { outcome: event.outcome, trouble: event.trouble } };
    case 'warning':
    case 'output':
      return {};
  }
}

function addText(state: State, text: string, isPartial: boolean): Partial<Report> {
  const said = ownCopy((state.isTextOpen ? state.report.said + text : text).slice(-SAID_CHARACTERS_MAX));
  state.isTextOpen = isPartial;
  return { ...WORKING, said, action: lastLine(said) || state.report.action };
}

function addTool(
  state: State,
  event: AgentEvent & { readonly kind: 'tool.started' | 'tool.ended' },
): Partial<Report> {
  const { openTools, report } = state;
  state.isTextOpen = false;
  if (event.kind === 'tool.ended') openTools.delete(event.id);
  else if (openTools.size < OPEN_TOOLS_MAX) openTools.add(event.id);
  const action = event.kind === 'tool.started' ? cut(`${event.tool} ${event.summary}`) : report.action;
  return { ...WORKING, action, isToolOpen: openTools.size > 0 };
}

/** Whatever works again ends a question and a series of retries. */
const WORKING = { question: null, retrying: null } as const;

function lastLine(text: string): string {
  return cut(
    text
      .slice(-CUT_FROM_MAX)
      .split('\n')
      .findLast((line) => line.trim() !== '') ?? '',
  );
}

function cut(text: string): string {
  return ownCopy(text.slice(0, CUT_FROM_MAX).replaceAll(/\s+/g, ' ').trim().slice(0, ACTION_CHARACTERS_MAX));
}

/** A slice of a text keeps the whole of it in memory (V8's sliced strings); a copy does not. */
function ownCopy(text: string): string {
  return Buffer.from(text).toString();
}
