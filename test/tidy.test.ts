/**
 * The rules of the house, as a test: rooms and arrows, single doors, comments, documents. Sizes are the linter's (`.oxlintrc.json`).
 * Each failure is one line that says where and what to do instead.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SRC = join(ROOT, 'src');

/** Which rooms a room may import from (ARCHITECTURE.md draws it). Types may come from anywhere on the right. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  task: ['base'],
  process: ['base'],
  agent: ['base'],
  git: ['process', 'base'],
  store: ['task', 'base'],
  operations: ['git', 'agent', 'store', 'task', 'process', 'base'],
  'phasr.ts': ['operations', 'git', 'store', 'task', 'base'],
  'code-cache.ts': ['store', 'base'],
  'helper.ts': ['code-cache.ts'],
  'background.ts': ['phasr.ts'],
  'index.ts': ['phasr.ts', 'operations', 'git', 'task', 'base'],
  cli: ['phasr.ts', 'code-cache.ts', 'task', 'base'],
};
const TYPES_ALSO_FROM: Readonly<Record<string, readonly string[]>> = {
  cli: ['operations', 'git'],
  'helper.ts': ['background.ts'],
};

type Source = {
  readonly path: string;
  readonly name: string;
  readonly text: string;
  readonly lines: readonly string[];
};

const sources: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map((name) => {
    const text = readFileSync(join(SRC, name), 'utf8');
    return { path: join(SRC, name), name, text, lines: text.split('\n') };
  });

function roomOf(path: string): string {
  return relative(SRC, path).split('/')[0] ?? '';
}

/** One line for each place where a pattern stands although it may not. */
function findLines(pattern: RegExp, isAllowed: (source: Source) => boolean, instead: string): string[] {
  return sources
    .filter((source) => !isAllowed(source))
    .flatMap(({ name, lines }) =>
      lines.flatMap((line, index) => (pattern.test(line) ? [`src/${name}:${index + 1}: ${instead}`] : [])),
    );
}

test('imports go only along the arrows between the rooms', () => {
  const wrong: string[] = [];
  for (const { path, name, text } of sources) {
    for (const match of text.matchAll(
      /^(?:import|export) (type )?([^;]*?) ?from '(\.[^']+)';|import\('(\.[^']+)'\)/gms,
    )) {
      const isType = match[1] !== undefined || /^\{(?:\s*type \w+,?)+\s*\}$/.test(match[2] ?? '');
      const target = resolve(dirname(path), match[3] ?? match[4] ?? '');
      expect(existsSync(target), `${name} imports ${target}`).toBe(true);
      const [from, to] = [roomOf(path), roomOf(target)];
      const allowed = [...(ARROWS[from] ?? []), ...(isType ? (TYPES_ALSO_FROM[from] ?? []) : [])];
      if (from !== to && !allowed.includes(to))
        wrong.push(`src/${name}: ${from} may not import ${to}. Move the line to the room it talks to.`);
    }
  }
  expect(wrong).toEqual([]);
});

test('the rules of a task do no I/O and know no clock and no chance', () => {
  const pure = (source: Source): boolean => !/^(?:task|agent)\//.test(source.name);
  expect(
    findLines(
      /from 'node:|Date\.now|new Date\(|Math\.random|process\./,
      pure,
      'task/ and agent/ are pure. Pass the value in.',
    ),
  ).toEqual([]);
});

test('each outside thing has one door', () => {
  const only =
    (...names: string[]) =>
    (source: Source): boolean =>
      names.includes(source.name);
  const inRoom =
    (room: string) =>
    (source: Source): boolean =>
      source.name.startsWith(`${room}/`);
  expect(
    findLines(/node:child_process/, only('process/spawn.ts'), 'only process/spawn.ts starts processes.'),
  ).toEqual([]);
  expect(findLines(/file: 'git'/, only('git/git.ts'), 'only git/git.ts runs git.')).toEqual([]);
  // A program of its own, in front of and behind walls.
  const gateway = 'process/gateway-program.ts';
  const inCli = (source: Source): boolean => inRoom('cli')(source) || only(gateway)(source);
  expect(findLines(/process\.exit\b|process\.exitCode/, inCli, 'only programs end the process.')).toEqual([]);
  expect(findLines(/process\.std(?:out|err)|console\./, inCli, 'only programs print.')).toEqual([]);
  expect(
    findLines(
      /process\.argv/,
      only('cli/main.ts', 'helper.ts', gateway),
      'a library does not read arguments.',
    ),
  ).toEqual([]);
  expect(
    findLines(
      // A command that is suspended stops itself.
      /process\.kill\((?!process\.pid\b)/,
      only('process/stop.ts'),
      'only process/stop.ts signals, by identity.',
    ),
  ).toEqual([]);
  expect(
    findLines(
      /@photostructure\/sqlite|node:sqlite/,
      only('store/database.ts'),
      'only store/database.ts knows SQLite.',
    ),
  ).toEqual([]);
  expect(
    findLines(/\bshell: true|execSync|spawnSync/, () => false, 'no shell lines, no blocking on processes.'),
  ).toEqual([]);
  expect(findLines(/\bpkill\b|\bkillall\b|'-f', *'\w/, () => false, 'nothing is ended by name.')).toEqual([]);
});

test('nothing decides by the text of a message', () => {
  const retries = (source: Source): boolean => source.name === 'git/git.ts';
  expect(
    findLines(
      /(?:message|stderr\w*)\.(?:includes|match|startsWith|test)\(/,
      retries,
      'decide by code or exit status.',
    ),
  ).toEqual([]);
});

test('every file says what it is, every export of git, process, store and operations what it does', () => {
  const wrong: string[] = [];
  for (const { name, lines } of sources) {
    const first = lines[0]?.startsWith('#!') === true ? lines[1] : lines[0];
    if (first?.startsWith('/**') !== true)
      wrong.push(`src/${name}:1: begin with a comment that says which question the file answers.`);
    if (!/^(?:git|process|store|operations|task|base)\//.test(name)) continue;
    for (const [index, line] of lines.entries()) {
      const exported = /^export (?:async )?(?:function\*?|const) (\w+)/.exec(line)?.[1];
      if (
        exported === undefined ||
        lines[index - 1]?.trimEnd().endsWith('*/') === true ||
        isPlain(lines, index)
      )
        continue;
      wrong.push(
        `src/${name}:${index + 1}: ${exported} needs a comment: what it changes, outcomes, units, errors, limits.`,
      );
    }
  }
  expect(wrong).toEqual([]);
});

/** A one-line function or a constant below a commented sibling says everything by its name. */
function isPlain(lines: readonly string[], index: number): boolean {
  const line = lines[index] ?? '';
  const isShort =
    lines.slice(index + 1, index + 4).some((next) => next === '}') ||
    /^export const \w+(?:: \w+)? = [^({]*;$/.test(line);
  return isShort;
}

test('a swallowed error says why that is safe', () => {
  const wrong: string[] = [];
  for (const { name, lines } of sources) {
    for (const [index, line] of lines.entries()) {
      if (line.endsWith('catch {') && !/^\s*\/\/ Safe to ignore: /.test(lines[index + 1] ?? '')) {
        wrong.push(`src/${name}:${index + 1}: a catch without the error begins with "// Safe to ignore: …".`);
      }
    }
  }
  expect(wrong).toEqual([]);
});

test('nothing unfinished and nothing of one machine is in tracked files', () => {
  const tracked = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '' },
  })
    .split('\0')
    .filter(
      (name) =>
        name !== '' &&
        !name.endsWith('package-lock.json') &&
        name !== 'test/tidy.test.ts' &&
        existsSync(join(ROOT, name)),
    );
  const wrong: string[] = [];
  for (const name of tracked) {
    for (const [index, line] of readFileSync(join(ROOT, name), 'utf8').split('\n').entries()) {
      const at = `${name}:${index + 1}`;
      if (/\b(?:TODO|FIXME|XXX|HACK)\b/.test(line)) wrong.push(`${at}: finish it, or write an issue.`);
      if (/(?:^|[^A-Za-z0-9_.])\/(?:root|work|farm)\//.test(line))
        wrong.push(`${at}: a path of one machine.`);
      if (/\b(?:it|test|describe)\.only\(|@ts-ignore|@ts-nocheck|\bas any\b.*src/.test(line))
        wrong.push(`${at}: not for keeps.`);
    }
  }
  expect(wrong).toEqual([]);
});

test('documents exist, and the words of the code are in the glossary', () => {
  for (const name of ['README.md', 'ARCHITECTURE.md', 'GLOSSARY.md', 'CONTRIBUTING.md', 'LICENSE']) {
    expect(existsSync(join(ROOT, name)), name).toBe(true);
  }
  expect(readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8').split('\n').length).toBeLessThan(140);
  const glossary = readFileSync(join(ROOT, 'GLOSSARY.md'), 'utf8');
  const states =
    /export type StateName =([^;]+);/s.exec(readFileSync(join(SRC, 'task/state.ts'), 'utf8'))?.[1] ?? '';
  for (const [, state] of states.matchAll(/'([^']+)'/g)) expect(glossary).toContain(`\`${state}\``);
  const numbers = readdirSync(join(ROOT, 'docs/adr'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => name.slice(0, 4));
  expect(new Set(numbers).size).toBe(numbers.length);
});
