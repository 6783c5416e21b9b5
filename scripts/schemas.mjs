/**
 * `npm run docs` also writes `docs/json/`: one JSON Schema for each kind of document that `--json` prints. A document names its schema in its
 * first field, `phasr/<kind>/<version>`; a version changes when a field goes or means something else, not when one is added.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @typedef {Record<string, unknown>} Schema */

const VERSION = 1;
const text = { type: 'string' };
const flag = { type: 'boolean' };
const whole = { type: 'integer' };
const count = { type: 'integer', minimum: 0 };
const dollars = { type: 'number', minimum: 0 };
const oid = { type: 'string', pattern: '^([0-9a-f]{40}|[0-9a-f]{64})$' };
const time = { type: 'string', format: 'date-time' };
const anything = {};

/** @type {(...schemas: Schema[]) => Schema} */
const either = (...schemas) => ({ anyOf: schemas });
/** @type {(schema: Schema) => Schema} */
const orNull = (schema) => either(schema, { type: 'null' });
/** @type {(...values: unknown[]) => Schema} */
const oneOf = (...values) => ({ enum: values });
/** @type {(items: Schema) => Schema} */
const list = (items) => ({ type: 'array', items });
/**
 * All fields are there, and no others, unless they are named as optional.
 * @type {(fields: Record<string, Schema>, optional?: Record<string, Schema>) => Schema}
 */
const object = (fields, optional = {}) => ({
  type: 'object',
  properties: { ...fields, ...optional },
  required: Object.keys(fields),
  additionalProperties: false,
});
/** @type {(values: Schema) => Schema} */
const map = (values) => ({ type: 'object', additionalProperties: values });

const tokens = object({ input: count, output: count, cacheRead: count, cacheWrite: count });
const usage = object({ tokens: orNull(tokens), costUsd: orNull(dollars) });
const trouble = object({ kind: text, message: text });
const report = object({
  session: orNull(text),
  model: orNull(text),
  usage: orNull(usage),
  counted: orNull(usage),
  refused: count,
  retries: count,
  trouble: orNull(trouble),
  said: text,
});
const outcome = oneOf('done', 'failed', 'stopped', 'interrupted');
const made = object({ refs: list(object({ name: text, oid })), stashes: count, settings: list(text) });
const confinement = object({ level: oneOf('light', 'strict', 'off'), why: orNull(text) });
const run = object({
  run: whole,
  prompt: text,
  agent: text,
  command: list(text),
  model: orNull(text),
  permission: orNull(text),
  session: orNull(text),
  timeoutMs: orNull(count),
  requested: time,
  started: orNull(time),
  ended: orNull(time),
  pid: orNull(whole),
  outcome: orNull(outcome),
  exitCode: orNull(whole),
  evidence: orNull(text),
  leftBehind: orNull(count),
  report: orNull(report),
  sandbox: orNull(confinement),
});
const changes = object({ files: count, insertions: count, deletions: count });
const progress = object({
  at: time,
  action: text,
  attention: oneOf('working', 'waiting', 'retrying', 'silent'),
  waitingFor: orNull(text),
  filesTouched: count,
  usage: orNull(usage),
});
const carried = object({ commit: oid, index: oid, files: oid, count });
const base = object({ oid, name: text });
const STATES = [
  ...['queued', 'setting up', 'running', 'waiting', 'committing', 'done', 'failed', 'stopped'],
  ...['interrupted', 'merging', 'merged', 'discarded', 'restoring', 'rewinding', 'unmerging'],
];
const foreignChange = object({
  kind: oneOf('file', 'HEAD', 'ref', 'setting', 'history', 'objects', 'folder', 'lock'),
  name: text,
  what: text,
});
const escape = object({
  run: whole,
  since: time,
  changes: list(foreignChange),
  more: count,
  by: orNull(text),
  isVictim: flag,
  blocks: flag,
});
const TASK = {
  id: whole,
  title: text,
  state: oneOf(...STATES),
  evidence: text,
  since: time,
  branch: text,
  base,
  carried: orNull(carried),
  target: orNull(text),
  worktree: orNull(text),
  head: orNull(oid),
  changes: orNull(changes),
  committedLeftovers: orNull(flag),
  notes: list(text),
  trouble: orNull(text),
  escape: orNull(escape),
  merge: orNull(object({ commit: oid, target: text, containsHead: flag })),
  kept: orNull(text),
  held: orNull(text),
  launched: time,
  run,
  progress: orNull(progress),
};
const task = object(TASK);
const refusal = object({ code: text, message: text, hint: text, details: object({ paths: list(text) }) });
const refused = object({ id: whole, outcome: oneOf('refused'), refusal });

const runAgent = object({
  name: text,
  title: text,
  reads: text,
  model: orNull(text),
  permission: text,
  session: orNull(text),
  stdin: oneOf('prompt', 'nothing'),
  env: map(text),
});
const worktree = object({ path: text, gitDir: text });
const intent = {
  strategy: oneOf('merge', 'squash', 'rebase'),
  target: text,
  head: oid,
  expected: oid,
  candidate: oid,
  worktree: orNull(worktree),
};
const directory = object({ dev: text, ino: text });
/** Why a worktree was removed, or why it stays. */
const SORTED = ['landed', 'landed by squash or rebase', 'empty'];
const how = oneOf('contained', 'merge adds nothing', 'same patch', 'same patches', 'no changes');
const cleanupTarget = orNull(object({ branch: text, oid }));
/** Fields that records of before they were thought of do not have. @type {Record<string, Record<string, Schema>>} */
const LATER_FACTS = {
  'worktree.ready': { token: text },
  'run.started': { confinement },
  'trash.swept': { snapshot: orNull(oid) },
};
/** The recorded facts of a task, by their type. */
const FACTS = {
  'task.launched': {
    title: text,
    slug: text,
    branch: text,
    base,
    target: orNull(text),
    worktreePath: text,
    launchGitDir: text,
    carried: orNull(carried),
  },
  'branch.created': {},
  'run.requested': {
    run: whole,
    prompt: text,
    command: list(text),
    agent: orNull(runAgent),
    timeoutMs: orNull(count),
    limits: object({ noProgressMs: orNull(count), retriesMs: orNull(count) }),
  },
  'run.prepared': { run: whole, marker: text },
  'worktree.ready': { directory: object({ dev: text, ino: text }), warnings: list(text) },
  'worktree.repaired': {
    worktreePath: text,
    launchGitDir: text,
    directory: orNull(object({ dev: text, ino: text })),
  },
  'worktree.failed': { run: whole, message: text },
  'run.started': { run: whole, process: object({ pid: whole, startedAt: text }) },
  'agent.session': { run: whole, session: text },
  'run.attention': { run: whole, waitingFor: orNull(text) },
  'stop.requested': {
    run: whole,
    by: oneOf(
      'person',
      'time limit',
      'no progress',
      'retries',
      'wrong directory',
      'memory limit',
      'process limit',
      'disk limit',
    ),
    detail: text,
  },
  'run.ended': {
    run: whole,
    outcome,
    exitCode: orNull(whole),
    evidence: text,
    leftBehind: count,
    report: orNull(report),
  },
  'head.recorded': { head: oid, tree: oid, changes, committedLeftovers: flag, notes: list(text) },
  'commit.failed': { message: text },
  'escape.seen': {
    run: whole,
    changes: list(foreignChange),
    more: count,
    by: orNull(text),
    isVictim: flag,
    blocks: flag,
  },
  'escape.acknowledged': {},
  'refs.taken': { refs: list(object({ name: text, before: orNull(oid), after: orNull(oid) })) },
  'merge.started': intent,
  'merge.refused': { reason: text },
  'merge.completed': { commit: oid, target: text, containsHead: flag },
  'task.discarded': {},
  'cleanup.started': { sorted: oneOf(...SORTED), how, head: oid, target: cleanupTarget, words: text },
  'worktree.removed': { kept: orNull(text) },
  'trash.swept': { kept: orNull(text), held: orNull(text) },
  'trash.emptied': { by: oneOf('age', 'person') },
  'restore.started': { source: oneOf('disk', 'snapshot'), snapshot: orNull(oid) },
  'restore.failed': { message: text },
  'restore.completed': { directory, head: oid },
  'snapshot.taken': { number: whole, reason: text, commit: oid, files: oid, state: orNull(oid), head: oid },
  'snapshot.dropped': { numbers: list(whole) },
  'rewind.started': { to: whole, from: whole },
  'rewind.completed': { to: whole, from: whole, head: oid, tree: oid, changes },
  'unmerge.started': intent,
  'unmerge.refused': { reason: text },
  'unmerge.completed': intent,
};
/** @type {(fields: Record<string, Schema>) => Schema[]} */
const facts = (fields) =>
  Object.entries(FACTS).map(([type, more]) =>
    object({ ...fields, type: oneOf(type), ...more }, LATER_FACTS[type]),
  );

const retry = {
  attempt: orNull(whole),
  attemptsMax: orNull(whole),
  delayMs: orNull({ type: 'number' }),
  trouble,
};
const reportedUsage = object({
  tokens: orNull(tokens),
  tokensOf: oneOf('run', 'session'),
  costUsd: orNull(dollars),
  costOf: oneOf('run', 'session'),
});
/** What an agent says and does, by its kind. */
const AGENT_EVENTS = {
  session: { id: text, cwd: orNull(text), model: orNull(text) },
  text: { text, isPartial: flag },
  thinking: { text, isPartial: flag },
  'tool.started': { id: text, tool: text, summary: text },
  'tool.ended': { id: text, tool: text, isError: flag, output: text },
  files: { paths: list(text) },
  'permission.refused': { tool: text, summary: text },
  retry,
  question: { text },
  usage: { usage: reportedUsage },
  warning: { text },
  end: { outcome: oneOf('done', 'failed', 'interrupted'), trouble: orNull(trouble) },
  output: { text },
  gap: { droppedBytes: count },
};

const file = object(
  {
    status: oneOf('A', 'D', 'M', 'T', 'R', 'C'),
    path: text,
    oldMode: text,
    newMode: text,
    insertions: orNull(count),
    deletions: orNull(count),
    binary: flag,
  },
  { pathBase64: text, oldPath: text, oldPathBase64: text },
);
const sum = object({
  runs: count,
  runsWithTokens: count,
  runsWithCost: count,
  tokens: orNull(tokens),
  costUsd: orNull(dollars),
});
const bill = object({
  id: whole,
  title: text,
  state: text,
  runs: list(
    object({
      run: whole,
      agent: text,
      model: orNull(text),
      ended: flag,
      tokens: orNull(tokens),
      costUsd: orNull(dollars),
    }),
  ),
  total: sum,
});
const permission = oneOf('edit', 'ask', 'plan', 'yolo');
const agent = object({
  name: text,
  title: text,
  program: text,
  install: text,
  permissions: list(permission),
  permissionNote: orNull(text),
  canResume: flag,
  path: orNull(text),
});
const origin = oneOf('default', 'user', 'repository');
/** @type {(value: Schema) => Schema} */
const setting = (value) => object({ value, origin });
const stopped = oneOf('stopped', 'still-ending', 'discarded', 'restored', 'emptied');
const operation = object({
  // A repair has a name: r1, r2, …
  id: { anyOf: [whole, text] },
  task: orNull(whole),
  kind: oneOf('sync', 'merge', 'unmerge', 'discard', 'cleanup', 'restore', 'rewind', 'empty', 'repair'),
  at: time,
  refs: list(object({ name: text, before: orNull(oid), after: orNull(oid) })),
  rewind: orNull(object({ to: whole, from: whole })),
  isBuiltUpon: flag,
  what: orNull(text),
});

/** @type {Record<string, { about: string, schema?: Schema, fields?: Record<string, Schema> }>} */
const KINDS = {
  run: {
    about: 'phasr run',
    fields: {
      bases: list(base),
      uncommittedFilesLeftBehind: count,
      jobs: whole,
      tasks: list(task),
    },
  },
  queue: {
    about: 'phasr queue',
    fields: {
      jobs: whole,
      paused: orNull(object({ since: time, reason: text })),
      hold: orNull(text),
      runs: list(
        object({
          repository: text,
          task: whole,
          run: whole,
          title: orNull(text),
          isRunning: flag,
          position: orNull(whole),
        }),
      ),
    },
  },
  acknowledge: {
    about: 'phasr acknowledge',
    fields: { tasks: list(either(refused, object({ id: whole, outcome: oneOf('acknowledged'), escape }))) },
  },
  sync: {
    about: 'phasr sync',
    fields: {
      task,
      tip: orNull(oid),
      taken: list(object({ name: text, before: orNull(oid), after: orNull(oid) })),
      refreshed: orNull(object({ changed: count, kept: list(text) })),
      made,
    },
  },
  list: { about: 'phasr list', fields: { tasks: list(task) } },
  task: { about: 'phasr resume, phasr send', fields: TASK },
  show: {
    about: 'phasr show',
    fields: {
      ...TASK,
      runs: list(run),
      worktreeExists: flag,
      made,
      transcriptPath: text,
      transcriptBytes: count,
      events: list(either(...facts({ seq: whole, at: time }))),
    },
  },
  diff: {
    about: 'phasr diff',
    fields: {
      task: whole,
      base: oid,
      tree: oid,
      isFinal: flag,
      incomplete: orNull(text),
      files: list(file),
    },
  },
  path: { about: 'phasr path', fields: { task: whole, path: text } },
  tasks: {
    about: 'phasr stop, phasr discard, phasr restore, phasr trash empty',
    fields: { tasks: list(either(refused, object({ ...TASK, outcome: stopped }))) },
  },
  wait: {
    about: 'phasr wait',
    fields: { outcome: oneOf('ended', 'timed-out', 'aborted'), tasks: list(task) },
  },
  merge: {
    about: 'phasr merge',
    fields: {
      merges: list(
        either(
          refused,
          object({ id: whole, outcome: oneOf('skipped') }),
          object({
            id: whole,
            outcome: oneOf('merged'),
            target: text,
            commit: oid,
            worktree: orNull(text),
            hooksNotRun: list(text),
            task,
          }),
        ),
      ),
    },
  },
  agents: { about: 'phasr agents', fields: { agents: list(agent) } },
  signal: {
    about: 'phasr signal',
    fields: { task: whole, signal: oneOf('done', 'needs-input', 'progress') },
  },
  cost: { about: 'phasr cost', fields: { tasks: list(bill), total: sum } },
  open: {
    about: 'phasr open',
    fields: { task: whole, path: text, command: list(text), kind: oneOf('terminal', 'window'), from: text },
  },
  exec: {
    about: 'phasr exec',
    fields: {
      tasks: list(object({ task: whole, exitCode: whole, ms: count }, { error: anything })),
      notRun: list(whole),
    },
  },
  completion: { about: 'phasr completion', fields: { shell: text, script: text } },
  init: {
    about: 'phasr init',
    fields: { path: text, origin, agent: orNull(text), agents: list(agent), next: text },
  },
  config: {
    about: 'phasr config',
    fields: {
      agent: setting(orNull(text)),
      model: setting(orNull(text)),
      permission: setting(permission),
      jobs: setting(orNull(whole)),
      timeoutMs: setting(orNull(count)),
      disk: object({ floorBytes: setting(count) }),
      limits: object({
        noProgressMs: setting(count),
        retriesMs: setting(count),
        memoryBytes: setting(orNull(count)),
        processes: setting(orNull(whole)),
        diskBytes: setting(orNull(count)),
      }),
      notify: object({ bell: setting(flag), desktop: setting(flag), command: setting(orNull(list(text))) }),
      open: object({ editor: setting(orNull(list(text))) }),
      snapshotEveryMs: setting(count),
      trashDays: setting(count),
      queue: object({ memoryFloorBytes: setting(count), loadMax: setting(count) }),
      isolation: object({
        sandbox: setting(oneOf('auto', 'off', 'strict')),
        write: setting(list(text)),
        hide: setting(orNull(list(text))),
        network: setting({ anyOf: [flag, list(text)] }),
        detection: setting(oneOf('block', 'show', 'off')),
        env: setting({ anyOf: [list(text), oneOf('all'), { type: 'null' }] }),
        secrets: setting(list(text)),
      }),
      agents: list(anything),
      files: list(object({ origin, path: text, exists: flag })),
    },
  },
  undo: {
    about: 'phasr undo',
    fields: { outcome: oneOf('undone', 'would-undo'), what: text, operation, task: orNull(task) },
  },
  operations: { about: 'phasr operations', fields: { operations: list(operation) } },
  trash: {
    about: 'phasr trash',
    fields: {
      items: list(object({ task, since: time, bytes: orNull(count), expires: orNull(time) })),
    },
  },
  history: {
    about: 'phasr history',
    fields: {
      task: whole,
      snapshots: list(
        object({ number: whole, reason: text, at: time, commit: oid, head: oid, changes, files: list(file) }),
      ),
    },
  },
  snapshot: {
    about: 'phasr snapshot',
    fields: { outcome: oneOf('kept', 'unchanged'), number: orNull(whole), task },
  },
  rewind: { about: 'phasr rewind', fields: { to: whole, before: whole, task } },
  doctor: {
    about: 'phasr doctor',
    fields: {
      findings: list(
        object({ check: text, status: oneOf('ok', 'note', 'problem'), message: text, hint: orNull(text) }),
      ),
      repairs: list(
        object({
          check: text,
          outcome: oneOf('done', 'planned', 'left'),
          message: text,
          hint: orNull(text),
          aside: orNull(text),
          operation: orNull(text),
        }),
      ),
    },
  },
  cleanup: {
    about: 'phasr cleanup',
    fields: {
      isDryRun: flag,
      worktrees: list(
        object({
          task: orNull(object({ id: whole, title: text })),
          path: text,
          branch: orNull(text),
          sorted: oneOf(...SORTED, 'has work', 'in use', 'not ours'),
          how: orNull(how),
          head: orNull(oid),
          target: cleanupTarget,
          words: text,
          next: orNull(text),
          work: object({
            files: list(text),
            staged: list(text),
            ignored: list(text),
            commits: list(object({ oid, subject: text })),
            others: list(text),
          }),
          isRemoved: flag,
        }),
      ),
    },
  },
  refusal: {
    about: 'any command that is refused by the state of a task',
    fields: { code: text, message: text, hint: text, details: object({ paths: list(text) }) },
  },
  error: {
    about: 'any command that fails',
    fields: { code: text, message: text, hint: text, details: map(anything) },
  },
  event: {
    about: 'a line of phasr events',
    schema: either(
      ...facts({ schema: oneOf('phasr/event/1'), id: whole, task: whole, seq: whole, at: time }),
    ),
  },
  'agent-event': {
    about: 'a line of phasr logs',
    schema: either(
      ...Object.entries(AGENT_EVENTS).map(([kind, more]) =>
        object({ schema: oneOf('phasr/agent-event/1'), kind: oneOf(kind), ...more }),
      ),
    ),
  },
};

/** Each kind's file name and text. */
export function renderSchemas() {
  return Object.entries(KINDS).map(([kind, { about, schema, fields }]) => {
    const name = `phasr/${kind}/${VERSION}`;
    const body = fields === undefined ? schema : object({ schema: oneOf(name), ...fields });
    const document = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: name,
      description: `What ${about} prints with --json.`,
      ...body,
    };
    return { name: `${kind}.schema.json`, content: `${JSON.stringify(document, null, 1)}\n` };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = fileURLToPath(new URL('../docs/json/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  for (const { name, content } of renderSchemas()) writeFileSync(folder + name, content);
  console.log(`docs/json: ${renderSchemas().length} schemas`);
}
