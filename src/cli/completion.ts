/**
 * What may stand where the cursor is. The shells' scripts ask at every TAB, through `phasr complete -- words…`.
 *
 * The answer is one line for each candidate, `value TAB description`, or the single line
 * `:files` where the shell's own file names belong. Titles are other people's text: here they become one line without any control character,
 * and the scripts never evaluate what they read.
 */

import { renderVisible } from '../base/text.ts';
import type { Glimpse, GlimpsedTask } from '../operations/peek.ts';
import { isLive } from '../task/decide.ts';
import { isOpen } from '../task/task.ts';
import type { CommandDeclaration, OptionDeclaration } from './command.ts';

export type Candidate = { readonly value: string; readonly description: string };

/** Where candidates come from; asked only when they are needed. */
export type Sources = {
  readonly commands: readonly CommandDeclaration[];
  /** Undefined outside a repository. */
  readonly glimpse: () => Promise<Glimpse | undefined>;
  readonly agents: () => Promise<readonly Candidate[]>;
  readonly permissions: readonly string[];
  readonly editors: () => readonly string[];
};

export type Completion = 'files' | readonly Candidate[];

/** Enough to choose from; a repository may have a hundred thousand branches. */
const CANDIDATES_MAX = 500;
const DESCRIPTION_CHARACTERS_MAX = 72;

/** The words after `phasr` up to the cursor, the last one being typed; quoted as they were typed or not. */
export async function completeWords(typed: readonly string[], sources: Sources): Promise<Completion> {
  const words = typed.map(unquote);
  const current = words.at(-1) ?? '';
  const found = await findCandidates(words.slice(0, -1), current, sources);
  if (found === 'files') return found;
  return found
    .filter(({ value }) => value.startsWith(current) && isOneWord(value))
    .slice(0, CANDIDATES_MAX)
    .map(({ value, description }) => ({ value, description: describe(description) }));
}

/** What could not be told from something else, or hides something, is not offered. */
function isOneWord(value: string): boolean {
  return value !== '' && !value.startsWith(':') && !/\s/.test(value) && renderVisible(value) === value;
}

function describe(text: string): string {
  const characters = [...renderVisible(text)];
  return characters.length <= DESCRIPTION_CHARACTERS_MAX
    ? characters.join('')
    : `${characters.slice(0, DESCRIPTION_CHARACTERS_MAX - 1).join('')}…`;
}

/** bash hands words over as they are typed, with their quotes; an open one ends where the word ends. Nothing is expanded. */
function unquote(word: string): string {
  if (!/["'\\]/.test(word)) return word;
  return word.replaceAll(QUOTED, (...[, single, double, escaped]: readonly (string | undefined)[]) => {
    return single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? escaped ?? '';
  });
}

const QUOTED = /'([^']*)'?|"((?:[^"\\]|\\.)*)"?|\\(.?)/gs;

async function findCandidates(
  before: readonly string[],
  current: string,
  sources: Sources,
): Promise<Completion> {
  const [name, ...words] = before;
  if (name === undefined) {
    return current.startsWith('-') ? GLOBAL_OPTIONS : commandNames(sources.commands);
  }
  if (name === 'help' && words.length === 0) return commandNames(sources.commands);
  const command = sources.commands.find((candidate) => candidate.name === name);
  // What stands after `--` is somebody else's command line; the shells' scripts see to it.
  if (command === undefined || words.includes('--')) return [];
  const line = readLine(command, words);
  const { positionals } = line;
  if (line.awaiting !== null) return optionValues(line.awaiting, { prefix: '', positionals }, sources);
  const assigned = /^(--[^=]+)=/.exec(current);
  if (assigned !== null) {
    const option = command.options.find(({ flags }) => longName(flags) === assigned[1]);
    return option === undefined ? [] : optionValues(option, { prefix: assigned[0], positionals }, sources);
  }
  if (current.startsWith('-')) return openOptions(command, line.given);
  return argumentValues({ command, current, positionals, given: line.given }, sources);
}

const HELP: Candidate = { value: '--help', description: 'show its help' };
const GLOBAL_OPTIONS: readonly Candidate[] = [
  { value: '--help', description: 'show the commands' },
  { value: '--version', description: 'print the version number' },
];

function commandNames(commands: readonly CommandDeclaration[]): readonly Candidate[] {
  return [
    ...commands.map(({ name, summary }) => ({ value: name, description: summary })),
    { value: 'help', description: 'show the help of a command' },
  ];
}

/** `-s, --strategy <name>` → `--strategy`. */
function longName(flags: string): string {
  return /--[a-z][a-z-]*/.exec(flags)?.[0] ?? flags;
}

function shortName(flags: string): string | undefined {
  return /^-[a-zA-Z](?=,|\s|$)/.exec(flags)?.[0];
}

function takesValue({ flags }: OptionDeclaration): boolean {
  return /[<[]/.test(flags);
}

type Line = {
  readonly positionals: readonly string[];
  readonly given: ReadonlySet<OptionDeclaration>;
  /** The option whose value comes next. */
  readonly awaiting: OptionDeclaration | null;
};

function readLine({ options }: CommandDeclaration, words: readonly string[]): Line {
  const positionals: string[] = [];
  const given = new Set<OptionDeclaration>();
  let awaiting: OptionDeclaration | null = null;
  for (const word of words) {
    if (awaiting !== null) {
      awaiting = null;
      continue;
    }
    if (!word.startsWith('-') || word === '-') {
      positionals.push(word);
      continue;
    }
    const isLong = word.startsWith('--');
    const name = isLong ? (word.split('=')[0] ?? word) : word.slice(0, 2);
    const option = options.find(({ flags }) => (isLong ? longName(flags) : shortName(flags)) === name);
    if (option === undefined) continue;
    given.add(option);
    if (takesValue(option) && word === name) awaiting = option;
  }
  return { positionals, given, awaiting };
}

function openOptions(
  command: CommandDeclaration,
  given: ReadonlySet<OptionDeclaration>,
): readonly Candidate[] {
  const open = command.options.filter((option) => option.isRepeatable === true || !given.has(option));
  return [...open.map(({ flags, description }) => ({ value: longName(flags), description })), HELP];
}

/** Values of options by their long names, whatever command they belong to. `prefix` is what stands before the value in the same word. */
async function optionValues(
  { flags }: OptionDeclaration,
  { prefix, positionals }: { readonly prefix: string; readonly positionals: readonly string[] },
  sources: Sources,
): Promise<Completion> {
  const values = await valuesOf(longName(flags), positionals, sources);
  if (values === 'files') return values;
  return values.map(({ value, description }) => ({ value: prefix + value, description }));
}

function isTaskBranch(name: string): boolean {
  return name.startsWith('phasr/task-');
}

const plain = (value: string): Candidate => ({ value, description: '' });

async function valuesOf(
  option: string,
  positionals: readonly string[],
  sources: Sources,
): Promise<Completion> {
  const names = async (of: 'branches' | 'tags'): Promise<readonly string[]> =>
    (await (await sources.glimpse())?.names(of)) ?? [];
  switch (option) {
    case '--base': {
      const [branches, tags] = await Promise.all([names('branches'), names('tags')]);
      const own = branches.filter((name) => !isTaskBranch(name));
      const rest = branches.filter(isTaskBranch).map((value) => ({ value, description: 'branch of a task' }));
      return [...own.map(plain), ...tags.map((value) => ({ value, description: 'tag' })), ...rest];
    }
    case '--into':
      // Nothing is merged into the branch of a task.
      return (await names('branches')).filter((name) => !isTaskBranch(name)).map(plain);
    case '--tag':
      return madeBy(positionals, 'tags', sources);
    case '--branch':
      return madeBy(positionals, 'branches', sources);
    case '--agent':
      return sources.agents();
    case '--permission':
      return sources.permissions.map(plain);
    case '--strategy':
      return [
        { value: 'merge', description: 'fast-forward where possible, else a merge commit' },
        { value: 'squash', description: 'one commit' },
        { value: 'rebase', description: "the task's commits, on top" },
      ];
    case '--file':
      return 'files';
    case '--format':
      return ['yaml', 'toml', 'json'].map(plain);
    case '--editor':
      return sources.editors().map(plain);
    default:
      return [];
  }
}

/** What an agent has made for itself, and can be taken by name: that of the named task, else of all. */
async function madeBy(
  positionals: readonly string[],
  of: 'branches' | 'tags',
  sources: Sources,
): Promise<readonly Candidate[]> {
  const glimpsed = await sources.glimpse();
  const named = new Set(positionals.flatMap(numbersOf));
  return (glimpsed?.tasks ?? [])
    .filter(({ task }) => task.directory !== null && (named.size === 0 || named.has(task.id)))
    .flatMap(({ task }) =>
      (glimpsed?.made(task, of) ?? []).map((value) => ({ value, description: `made by task ${task.id}` })),
    );
}

type Position = {
  readonly command: CommandDeclaration;
  readonly current: string;
  readonly positionals: readonly string[];
  readonly given: ReadonlySet<OptionDeclaration>;
};

async function argumentValues(position: Position, sources: Sources): Promise<Completion> {
  const { command, current, positionals, given } = position;
  const declared = command.arguments.split(' ').filter((word) => word !== '');
  const argument =
    declared[positionals.length] ?? (declared.at(-1)?.includes('...') === true ? declared.at(-1) : undefined);
  switch (argument?.replaceAll(/[^a-z]/g, '') ?? '') {
    case 'task':
      return taskValues(position, argument?.includes('...') === true, (await sources.glimpse())?.tasks ?? []);
    case 'path':
      return 'files';
    case 'shell':
      return ['bash', 'zsh', 'fish', 'powershell'].map(plain);
    case 'pauseresume':
      return ['pause', 'resume'].map(plain);
    case 'kind':
      return ['done', 'needs-input', 'progress'].map(plain);
    case 'prompt':
      return [];
    default:
      return current === '' ? openOptions(command, given) : [];
  }
}

/** Which tasks make sense for a command: those that it would not refuse. */
const ADMITTED: Readonly<Record<string, (glimpsed: GlimpsedTask) => boolean>> = {
  merge: ({ task }) => task.phase.kind === 'idle',
  acknowledge: ({ task }) => (task.escape ?? null) !== null,
  discard: ({ task }) => task.phase.kind === 'idle',
  cleanup: ({ task }) => task.phase.kind === 'idle',
  resume: ({ task }) => task.phase.kind === 'idle',
  snapshot: ({ task }) => task.phase.kind === 'idle',
  rewind: ({ task }) => task.phase.kind === 'idle',
  restore: ({ task }) => task.phase.kind === 'merged' || task.phase.kind === 'discarded',
  send: ({ task }) => task.phase.kind === 'idle',
  stop: ({ task }) => isLive(task.phase),
  wait: ({ task }) => isLive(task.phase),
  open: ({ task }) => task.directory !== null,
  exec: ({ task }) => task.directory !== null,
  path: ({ task }) => task.directory !== null,
  diff: ({ task }) => task.directory !== null,
  sync: ({ task }) => task.directory !== null,
};

/** Ids; after a comma those that may follow in the list. One that is named already is not offered again. */
function taskValues(
  { command, current, positionals }: Position,
  isVariadic: boolean,
  tasks: readonly GlimpsedTask[],
): readonly Candidate[] {
  const list = isVariadic ? current.slice(0, current.lastIndexOf(',') + 1) : '';
  const named = new Set([...(isVariadic ? positionals : []), ...list.split(',')].flatMap(numbersOf));
  const admits = ADMITTED[command.name] ?? (({ task }: GlimpsedTask) => isOpen(task.phase));
  return tasks
    .filter((glimpsed) => admits(glimpsed) && !named.has(glimpsed.task.id))
    .map(({ task, state }) => ({ value: `${list}${task.id}`, description: `${state}: ${task.title}` }));
}

/** The numbers that a word such as `3`, `2-5`, `2,4` names; a long range is cut, since a list of candidates has an end too. */
function numbersOf(word: string): readonly number[] {
  return word.split(',').flatMap((part) => {
    const match = /^#?(\d{1,9})(?:-(\d{1,9}))?$/.exec(part);
    if (match === null) return [];
    const from = Number(match[1]);
    const to = Math.min(Number(match[2] ?? from), from + 2 * CANDIDATES_MAX);
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
  });
}

/** The answer as text, each line closed. */
export function renderCompletion(completion: Completion): string {
  if (completion === 'files') return ':files\n';
  return completion.map(({ value, description }) => `${value}\t${description}\n`).join('');
}
