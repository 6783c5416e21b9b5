#!/usr/bin/env node
/**
 * A small agent for demonstrations. It has no language model: it knows five jobs, finds the one that its
 * prompt (PHASR_PROMPT) names, and really does it to the files of the directory it stands in. Without
 * Phasr: `PHASR_PROMPT="tidy the imports" node examples/demo-agent.mjs`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';

// The work itself takes milliseconds; the agent pauses after each line it prints, so that a person can
// watch it work.
const PAUSE_MS = 350;

const JOBS = [
  { name: 'tidy the imports', keyword: /\bimports?\b/i, work: tidyImports },
  { name: 'add a table of the modules with their sizes', keyword: /\bmodules?\b/i, work: tabulateModules },
  { name: 'add a changelog entry', keyword: /\bchangelog\b/i, work: addChangelogEntry },
  { name: 'write an index of the decision records', keyword: /\bdecisions?\b/i, work: indexDecisions },
  {
    name: 'put a licence line on top of every source file',
    keyword: /\blicen[cs]e\b/i,
    work: addLicenceLines,
  },
];

const prompt = process.env['PHASR_PROMPT'] ?? '';
const job = JOBS.find(({ keyword }) => keyword.test(prompt));
if (job === undefined) {
  console.error(`I do not understand ${JSON.stringify(prompt)}. I can:`);
  for (const { name } of JOBS) console.error(`  ${name}`);
  process.exit(2);
}
await job.work();

/**
 * Prints a line and gives a person the time to read it.
 * @param {string} line
 */
async function say(line) {
  console.log(line);
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

/** Sorts the names in braces of each import, and neighbouring imports by where they come from. */
async function tidyImports() {
  await say('looking at the imports of src/');
  const changed = await changeSources((text) => sortStatements(sortNames(text)));
  await say(changed === 0 ? 'nothing to do: all imports are in order' : `${changed} files tidied`);
}

/**
 * The names change places but the layout stays, so lines keep their length and the formatter has nothing to
 * add.
 * @param {string} text
 */
function sortNames(text) {
  return text.replaceAll(/(?<=^import (?:type )?)\{[^}]*\}(?= from )/gm, (list) => {
    // A comment belongs to a name, and which one cannot be told.
    if (/\/[/*]/.test(list)) return list;
    const names = /(?:type )?[\w$]+(?: as [\w$]+)?/g;
    const sorted = (list.match(names) ?? []).sort((a, b) => compareText(withoutType(a), withoutType(b)));
    return list.replaceAll(names, () => sorted.shift() ?? '');
  });
}

/** @param {string} name */
function withoutType(name) {
  return name.replace(/^type /, '');
}

/**
 * Built-in modules, packages, then own files from far to near.
 * @param {string} text
 */
function sortStatements(text) {
  // `import 'x'` is there for what it does, and its place may matter.
  if (/^import '/m.test(text)) return text;
  return text.replaceAll(/^(?:import [^;]*? from '[^']+';\n){2,}/gm, (block) => {
    const statements = block.match(/^import [^;]*? from '[^']+';\n/gm) ?? [];
    const key = (/** @type {string} */ statement) => {
      const source = / from '([^']+)'/.exec(statement)?.[1] ?? '';
      const depth = source.split('../').length - 1;
      const group = source.startsWith('node:') ? 0 : source.startsWith('.') ? 2 : 1;
      return `${group} ${9 - depth} ${source}`;
    };
    return statements.sort((a, b) => compareText(key(a), key(b))).join('');
  });
}

/** `// SPDX-License-Identifier: …`, as many companies ask for. */
async function addLicenceLines() {
  const { license } = JSON.parse(readFileSync('package.json', 'utf8'));
  const line = `// SPDX-License-Identifier: ${license}\n`;
  await say(`package.json says ${license}`);
  const changed = await changeSources((text) => {
    if (text.includes('SPDX-License-Identifier')) return text;
    const shebang = /^#!.*\n/.exec(text)?.[0] ?? '';
    return shebang + line + text.slice(shebang.length);
  });
  await say(changed === 0 ? 'nothing to do: every file has one' : `${changed} files have a licence line now`);
}

/**
 * Applies a change to each source file, folder by folder, and gives the number of files that are different
 * now.
 * @param {(text: string) => string} change
 */
async function changeSources(change) {
  let changed = 0;
  for (const [folder, paths] of sourceFolders()) {
    let changedHere = 0;
    for (const path of paths) {
      const before = readFileSync(path, 'utf8');
      const after = change(before);
      if (after === before) continue;
      writeFileSync(path, after);
      changedHere++;
    }
    changed += changedHere;
    await say(`${folder}: ${changedHere} of ${paths.length} files changed`);
  }
  return changed;
}

/**
 * Writes docs/MODULES.md. Commits the first half itself, as some agents do; the rest is left in the
 * worktree.
 */
async function tabulateModules() {
  const folders = sourceFolders();
  const path = join('docs', 'MODULES.md');
  const rows = [];
  for (const [folder, paths] of folders) {
    const lines = paths.reduce((sum, file) => sum + countLines(file), 0);
    rows.push(`| ${folder} | ${paths.length} | ${lines} |`);
    await say(`${folder}: ${paths.length} files, ${lines} lines`);
  }
  const overview = ['# Modules', '', '| Folder | Files | Lines |', '| --- | ---: | ---: |', ...rows, ''];
  write(path, overview.join('\n'));
  if (git(['status', '--porcelain', '--', path]) === '') return say('nothing to do: the table is up to date');
  git(['add', '--', path]);
  git(['commit', '--quiet', '--message', 'List the folders of the source with their sizes']);
  await say('committed the overview; now the single files');
  const files = folders.flatMap(([, paths]) =>
    paths.map((file) => `| ${file} | ${countLines(file)} | ${openingSentence(file)} |`),
  );
  const details = [
    '## Files',
    '',
    '| File | Lines | What it says of itself |',
    '| --- | ---: | --- |',
    ...files,
  ];
  write(path, [...overview, ...details, ''].join('\n'));
  await say(`wrote ${path}: ${folders.length} folders, ${files.length} files`);
}

/** The commits that CHANGELOG.md does not mention yet, newest first. */
async function addChangelogEntry() {
  const entriesMax = 12;
  const path = 'CHANGELOG.md';
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '# Changelog\n';
  await say('reading the history');
  const commits = git([
    'log',
    '--no-color',
    '--no-show-signature',
    '--no-merges',
    '--format=%h%x09%as%x09%s',
  ]).split('\n');
  const missing = commits
    .map((line) => line.split('\t'))
    .filter(([, , subject]) => !before.includes(subject));
  await say(`${commits.length} commits, ${missing.length} of them not in ${path}`);
  if (missing.length === 0) return say('nothing to do');
  const entries = [];
  for (const [hash, date, subject] of missing.slice(0, entriesMax)) {
    entries.push(`- ${subject} (${hash}, ${date})`);
    await say(`+ ${subject}`);
  }
  if (missing.length > entriesMax) entries.push(`- … and ${missing.length - entriesMax} earlier changes`);
  const [title = '', ...rest] = before.split('\n');
  write(path, [title, '', '## Unreleased', '', ...entries, ...rest].join('\n'));
  await say(`wrote ${path}`);
}

/** A list of the records in docs/adr, with their titles, between two marks in docs/adr/README.md. */
async function indexDecisions() {
  const folder = join('docs', 'adr');
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => /^\d+.*\.md$/.test(name)) : [];
  await say(`${names.length} decision records in ${folder}`);
  if (names.length === 0) return say('nothing to do');
  const entries = [];
  for (const name of names.sort(compareText)) {
    const title = /^# (.*)$/m.exec(readFileSync(join(folder, name), 'utf8'))?.[1] ?? basename(name, '.md');
    entries.push(`- [${title}](${name})`);
    await say(`read ${name}: ${title}`);
  }
  const [start, end] = ['<!-- index -->', '<!-- end of index -->'];
  const path = join(folder, 'README.md');
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '# Decision records\n';
  const [head = '', tail = ''] = before.split(new RegExp(`\\n*${start}[^]*${end}\\n*`));
  const after = [head.trimEnd(), '', start, '', ...entries, '', end, '', tail].join('\n').trimEnd();
  if (`${after}\n` === before) return say('nothing to do: the index is up to date');
  write(path, `${after}\n`);
  await say(`wrote ${path}`);
}

/**
 * The TypeScript files below src, by folder, in a fixed order.
 * @returns {[string, string[]][]}
 */
function sourceFolders() {
  const paths = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => extname(path) === '.ts')
    .map((path) => join('src', path))
    .sort(compareText);
  const folders = [...new Set(paths.map((path) => dirname(path)))].sort(compareText);
  return folders.map((folder) => [folder, paths.filter((path) => dirname(path) === folder)]);
}

/** @param {string} path */
function countLines(path) {
  return readFileSync(path, 'utf8').split('\n').length - 1;
}

/**
 * The first sentence of the comment that a file begins with.
 * @param {string} path
 */
function openingSentence(path) {
  const comment = /^(?:#!.*\n)?\/\*\*([^]*?)\*\//.exec(readFileSync(path, 'utf8'))?.[1] ?? '';
  const text = comment.replaceAll(/\s*\n\s*\*?\s*/g, ' ').trim();
  return (/^.*?\.(?= |$)/.exec(text)?.[0] ?? text).replaceAll('|', String.raw`\|`);
}

/**
 * Writes a file with its folders.
 * @param {string} path
 * @param {string} text
 */
function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** @param {string[]} args */
function git(args) {
  return execFileSync('git', args, { encoding: 'utf8' }).trimEnd();
}

/**
 * The same order everywhere, whatever language the machine speaks.
 * @param {string} a
 * @param {string} b
 */
function compareText(a, b) {
  return a.localeCompare(b, 'en', { sensitivity: 'base' });
}
