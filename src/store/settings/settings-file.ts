/** What a settings file may say, checked. Built into a file of its own: see `document.ts`. */

import * as z from 'zod/mini';
import { checkDocument, type Explain, inFileOrder, problemAt, valueAt } from './check.ts';
import { type Document, type Faulty, type Path, type Problem, readText, renderKey } from './document.ts';
import {
  AGENT_NAME,
  agentName,
  allOrVariables,
  argumentList,
  boolean,
  command,
  duration,
  line,
  network,
  oneOf,
  pathList,
  size,
  table,
  variableNames,
  variables,
  wholeNumber,
} from './shapes.ts';
import { readToml } from './toml.ts';
import {
  DETECTIONS,
  PERMISSIONS,
  PROMPT_WAYS,
  SANDBOXES,
  type SettingsFile,
  type SettingsValues,
} from './values.ts';

const JOBS_MAX = 1000;

const AGENT = table({
  command,
  prompt: z.optional(oneOf(PROMPT_WAYS)),
  reads: z.optional(agentName),
  resume: z.optional(command),
  env: z.optional(variables),
  model_args: z.optional(argumentList),
  install: z.optional(line),
});

const PROCESSES_MAX = 1_000_000;
/** For each core; more than this is no limit. */
const LOAD_MAX = 1000;

/** A century. */
const TRASH_DAYS_MAX = 36_500;

const SETTINGS = table({
  agent: z.optional(agentName),
  model: z.optional(line),
  permission: z.optional(oneOf(PERMISSIONS)),
  jobs: z.optional(wholeNumber(1, JOBS_MAX)),
  timeout: z.optional(duration),
  disk: z.optional(table({ floor: z.optional(size) })),
  limits: z.optional(
    table({
      no_progress: z.optional(duration),
      retries: z.optional(duration),
      memory: z.optional(size),
      processes: z.optional(wholeNumber(1, PROCESSES_MAX)),
      disk: z.optional(size),
    }),
  ),
  notify: z.optional(
    table({
      bell: z.optional(boolean),
      desktop: z.optional(boolean),
      command: z.optional(command),
    }),
  ),
  open: z.optional(table({ editor: z.optional(command) })),
  snapshots: z.optional(table({ every: z.optional(duration) })),
  queue: z.optional(table({ memory: z.optional(size), load: z.optional(wholeNumber(0, LOAD_MAX)) })),
  isolation: z.optional(
    table({
      sandbox: z.optional(oneOf(SANDBOXES)),
      write: z.optional(pathList),
      hide: z.optional(pathList),
      network: z.optional(network),
      detection: z.optional(oneOf(DETECTIONS)),
      env: z.optional(allOrVariables),
      secrets: z.optional(variableNames),
    }),
  ),
  trash: z.optional(table({ days: z.optional(wholeNumber(0, TRASH_DAYS_MAX)) })),
  agents: z.optional(
    z.record(
      z.string().check(z.regex(AGENT_NAME, 'is no name for an agent: letters, digits, ".", "_", "-"')),
      AGENT,
      'takes tables, as in [agents.mine]',
    ),
  ),
});

/**
 * Whoever can change the repository can change its settings, an agent too. So it has no say in what Phasr starts by itself on the user's
 * machine, nor in how much of the machine Phasr takes.
 */
const USER_ONLY: readonly Path[] = [
  ['jobs'],
  ['disk', 'floor'],
  ['notify', 'command'],
  ['open', 'editor'],
  ['trash', 'days'],
  ['snapshots', 'every'],
  ['isolation'],
  ['queue'],
  ['limits', 'memory'],
  ['limits', 'processes'],
  ['limits', 'disk'],
];

export type SettingsFileSource = {
  readonly origin: SettingsFile['origin'];
  /** Where the user's own settings are, for people to read. */
  readonly ownFile: string;
};

/** Checks the bytes of a settings file. */
export function parseSettingsFile(
  bytes: Uint8Array,
  { origin, ownFile }: SettingsFileSource,
): { readonly values: SettingsValues } | Faulty {
  const text = readText(bytes);
  if (typeof text !== 'string') return text;
  const document = readToml(text);
  if ('problems' in document) return document;
  const checked = checkDocument(SETTINGS, document, explainMisplaced);
  const found = [
    ...('problems' in checked ? checked.problems : []),
    ...(origin === 'repository' ? findUserOnly(document, ownFile) : []),
    ...findContradictions(document),
  ];
  if (found.length > 0 || 'problems' in checked) return { problems: inFileOrder(found) };
  return { values: valuesOf(checked.value) };
}

function valuesOf(said: z.output<typeof SETTINGS>): SettingsValues {
  return {
    agent: said.agent,
    model: said.model,
    permission: said.permission,
    jobs: said.jobs,
    timeoutMs: said.timeout,
    floorBytes: said.disk?.floor,
    noProgressMs: said.limits?.no_progress,
    retriesMs: said.limits?.retries,
    memoryBytes: said.limits?.memory,
    processes: said.limits?.processes,
    diskBytes: said.limits?.disk,
    bell: said.notify?.bell,
    desktop: said.notify?.desktop,
    notifyCommand: said.notify?.command,
    editor: said.open?.editor,
    trashDays: said.trash?.days,
    snapshotEveryMs: said.snapshots?.every,
    memoryFloorBytes: said.queue?.memory,
    loadMax: said.queue?.load,
    sandbox: said.isolation?.sandbox,
    sandboxWrite: said.isolation?.write,
    sandboxHide: said.isolation?.hide,
    sandboxNetwork: said.isolation?.network,
    detection: said.isolation?.detection,
    allowedVariables: said.isolation?.env,
    secretVariables: said.isolation?.secrets,
    agents: Object.entries(said.agents ?? {}).map(([name, agent]) => ({
      name,
      command: agent.command,
      prompt: agent.prompt ?? (takesPrompt(agent.command) ? 'argument' : 'file'),
      reads: agent.reads ?? 'text',
      resume: agent.resume ?? null,
      modelArgs: agent.model_args ?? [],
      env: agent.env ?? {},
      install: agent.install ?? null,
    })),
  };
}

function findUserOnly(document: Document, ownFile: string): readonly Problem[] {
  return USER_ONLY.filter((path) => valueAt(document.value, path) !== undefined).map((path) =>
    problemAt(document, path, {
      message: `${renderKey(path)} may not be set by a repository`,
      hint: `Set it in your own settings: ${ownFile}`,
    }),
  );
}

/** What each key alone allows and both together do not. */
function findContradictions(document: Document): readonly Problem[] {
  const agents = valueAt(document.value, ['agents']);
  if (typeof agents !== 'object' || agents === null) return [];
  return Object.keys(agents).flatMap((name) => {
    const at = (key: string): unknown => valueAt(document.value, ['agents', name, key]);
    const problems: Problem[] = [];
    if (at('prompt') === 'argument' && !isEmpty(at('command')) && !takesPrompt(at('command')))
      problems.push(
        problemAt(document, ['agents', name, 'prompt'], {
          message: `agents.${name}.prompt is "argument", but its command has no {prompt}`,
          hint: 'Put "{prompt}" where the prompt belongs, or set prompt to "stdin" or "file".',
        }),
      );
    const [program, again] = [firstOf(at('command')), firstOf(at('resume'))];
    if (program !== null && again !== null && program !== again)
      problems.push(
        problemAt(document, ['agents', name, 'resume'], {
          message: `agents.${name}.resume is for another program than its command`,
          hint: `Begin it with ${JSON.stringify(program)}, as the command does.`,
        }),
      );
    if (!isEmpty(at('model_args')) && !contains(at('model_args'), '{model}'))
      problems.push(
        problemAt(document, ['agents', name, 'model_args'], {
          message: `agents.${name}.model_args has no {model}`,
          hint: 'As in: model_args = ["--model", "{model}"]',
        }),
      );
    return problems;
  });
}

function isEmpty(list: unknown): boolean {
  return !Array.isArray(list) || list.length === 0;
}

function firstOf(list: unknown): string | null {
  const first: unknown = Array.isArray(list) ? list[0] : null;
  return typeof first === 'string' ? first : null;
}

function takesPrompt(list: unknown): boolean {
  return contains(Array.isArray(list) ? list.slice(1) : list, '{prompt}');
}

function contains(list: unknown, placeholder: string): boolean {
  return Array.isArray(list) && list.some((word) => typeof word === 'string' && word.includes(placeholder));
}

/** A key that is right, in the wrong table: in TOML everything below `[limits]` belongs to it. */
const explainMisplaced: Explain = (path) => {
  const name = String(path.at(-1));
  if (path.length > 1 && Object.hasOwn(SETTINGS.shape, name))
    return `${name} stands at the top of the file, above the first [table].`;
  for (const [home, shape] of Object.entries({ ...SETTINGS.shape })) {
    const inner = shape.def.innerType;
    if (inner instanceof z.ZodMiniObject && Object.hasOwn(inner.shape, name))
      return `${name} belongs below [${home}].`;
  }
  return null;
};
