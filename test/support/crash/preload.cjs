/**
 * Loaded into a Phasr process with `NODE_OPTIONS=--require`: counts every step that somebody outside can see, writes its name down, and kills its own
 * process with SIGKILL at the step it was told. Nothing in the product knows of it.
 *
 * Steps: a program is about to start, has started (its input not yet written), has ended; a file, folder or link is about to be changed and has been; a
 * database is about to take a write over and has.
 *
 * `PHASR_CRASH_IN`: the kind of process that counts (`cli`, or the helper's verb); `PHASR_CRASH_LOG`: the file the steps are written to;
 * `PHASR_CRASH_AT`: the step to die at, by its number or the beginning of its name; none when empty. A process dies only once in a world: whoever goes on with its work is left alone.
 */
'use strict';

const childProcess = require('node:child_process');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const { basename } = require('node:path');

const { appendFileSync, existsSync, lstatSync } = fs;
const { PHASR_CRASH_IN: wanted, PHASR_CRASH_LOG: log = '', PHASR_CRASH_AT: at = '' } = process.env;
const program = process.argv[1] ?? '';
const kind = basename(program) === 'helper.cjs' ? process.argv[2] : 'cli';
const deathNote = `${log}.died`;
const counts = /^(?:cli|helper)\.cjs$/.test(basename(program)) && kind === wanted && !existsSync(deathNote);

let count = 0;
/** Node's own file functions call each other; only the outermost call is a step. */
let depth = 0;

function step(text) {
  if (!counts) return;
  count++;
  depth++;
  appendFileSync(log, `${count} ${text}\n`);
  if (String(count) === at || (/^\D/.test(at) && text.startsWith(at))) {
    appendFileSync(deathNote, text);
    process.kill(process.pid, 'SIGKILL');
  }
  depth--;
}

// The product starts its helpers without options for Node; here they go with them.
const { spawn } = childProcess;
childProcess.spawn = function (file, args, options) {
  const isOurs = file === process.execPath;
  const env = isOurs ? { ...options.env, NODE_OPTIONS: process.env.NODE_OPTIONS } : options.env;
  const name = `${basename(file)} ${describeArguments(file, args)}`;
  step(`before ${name}`);
  const child = spawn.call(this, file, args, { ...options, env });
  // First among those who listen: the product has not yet heard of the end.
  if (options.detached !== true) child.once('exit', () => step(`after ${name}`));
  step(`while ${name}`);
  return child;
};

function describeArguments(file, args) {
  if (file !== 'git') return args.slice(-3).join(' ').slice(0, 60).replaceAll('\n', ' ');
  const verb = args.findIndex((arg, index) => !arg.startsWith('-') && args[index - 1] !== '-c');
  return args
    .slice(verb, verb + 2)
    .join(' ')
    .slice(0, 60);
}

/** The functions of `node:fs` that change something, with the arguments that are paths. */
const CHANGES = {
  appendFile: 1,
  chmod: 1,
  copyFile: 2,
  cp: 2,
  link: 2,
  mkdir: 1,
  rename: 2,
  rm: 1,
  rmdir: 1,
  symlink: 2,
  truncate: 1,
  unlink: 1,
  utimes: 1,
  writeFile: 1,
};

for (const [name, paths] of Object.entries(CHANGES)) {
  fs[`${name}Sync`] = counted(fs[`${name}Sync`], name, paths);
  fs.promises[name] = countedLater(fs.promises[name], name, paths);
}
const { openSync } = fs;
const opened = counted(openSync, 'open', 1);
fs.openSync = function (...args) {
  const flags = args[1] ?? 'r';
  const makes = typeof flags === 'string' ? /[wa]/.test(flags) : (flags & fs.constants.O_CREAT) !== 0;
  return (makes ? opened : openSync).apply(this, args);
};

function counted(real, name, paths) {
  return function (...args) {
    if (depth > 0 || changesNothing(name, args)) return real.apply(this, args);
    const text = `${name} ${args.slice(0, paths).map(renderPath).join(' ')}`;
    step(`before ${text}`);
    depth++;
    let result;
    try {
      result = real.apply(this, args);
    } finally {
      depth--;
    }
    step(`after ${text}`);
    return result;
  };
}

function countedLater(real, name, paths) {
  return async function (...args) {
    if (changesNothing(name, args)) return real.apply(this, args);
    const text = `${name} ${args.slice(0, paths).map(renderPath).join(' ')}`;
    step(`before ${text}`);
    const result = await real.apply(this, args);
    step(`after ${text}`);
    return result;
  };
}

/** A folder that is there already, a file that is not there to be removed: no step. */
function changesNothing(name, [path]) {
  if (name !== 'mkdir' && name !== 'rm') return false;
  const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  return isThere === (name === 'mkdir');
}

function renderPath(path) {
  return typeof path === 'number' ? 'a file' : String(path).split('/').slice(-3).join('/');
}

/** `node:sqlite` or the module with its interface, as the product chooses it, with a class of ours in place of its own. */
function watchDatabases() {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  const builtin = process.getBuiltinModule?.('node:sqlite');
  process.emitWarning = emitWarning;
  if (builtin !== undefined) {
    builtin.DatabaseSync = watched(builtin.DatabaseSync);
    return;
  }
  const require = createRequire(program);
  const sqlite = require('@photostructure/sqlite');
  require.cache[require.resolve('@photostructure/sqlite')].exports = {
    ...sqlite,
    DatabaseSync: watched(sqlite.DatabaseSync),
  };
}

function watched(DatabaseSync) {
  return class extends DatabaseSync {
    /** What the open transaction has written: seen by nobody until it ends. */
    #written;

    exec(sql) {
      if (sql.startsWith('BEGIN')) this.#written = [];
      if (sql.startsWith('ROLLBACK')) this.#written = undefined;
      const isVisible = /^COMMIT|journal_mode/.test(sql);
      const text = `${sql} ${(this.#written ?? []).join(', ')}`.trim();
      if (isVisible) step(`before ${text}`);
      if (sql.startsWith('COMMIT')) this.#written = undefined;
      super.exec(sql);
      if (isVisible) step(`after ${text}`);
    }

    prepare(sql) {
      const statement = super.prepare(sql);
      const run = (...values) => {
        const text = sql.replace(/\s+/g, ' ').slice(0, 40);
        if (this.#written !== undefined) {
          this.#written.push(sql.startsWith('INSERT INTO events') ? values[3] : text);
          return statement.run(...values);
        }
        step(`before ${text}`);
        const result = statement.run(...values);
        step(`after ${text}`);
        return result;
      };
      return {
        run,
        get: (...values) => statement.get(...values),
        all: (...values) => statement.all(...values),
      };
    }
  };
}

if (counts) watchDatabases();
