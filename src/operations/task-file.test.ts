/** Task files with the prompt files that they name, from the disk. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readTaskFile, type TaskFromFile } from './task-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'task-file-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function write(path: string, content: string | Buffer): void {
  mkdirSync(join(directory, path, '..'), { recursive: true });
  writeFileSync(join(directory, path), content);
}

function read(path: string): Promise<readonly TaskFromFile[]> {
  return readTaskFile({ path, input: null, format: null, directory });
}

test('prompt files are read from beside the task file, through a pipe from where the person stands', async () => {
  write('lists/tasks.yaml', '- prompt: one\n- prompt_file: prompts/two.md\n  title: Two\n');
  write('lists/prompts/two.md', '\uFEFF# Two\r\n\r\nlines\r\n');
  const tasks = await read('lists/tasks.yaml');
  expect(tasks.map(({ prompt }) => prompt)).toEqual(['one', '# Two\r\n\r\nlines']);
  expect(tasks[1]).toMatchObject({ title: 'Two', agent: null, env: {} });
  const input = Buffer.from('[{"prompt_file": "lists/prompts/two.md"}]');
  const [piped] = await readTaskFile({ path: null, input, format: null, directory });
  expect(piped?.prompt).toBe('# Two\r\n\r\nlines');
});

test('every prompt file that cannot be used is named, with its place in the task file', async () => {
  write('empty.md', '\n\n');
  write('binary.md', Buffer.from([1, 0, 2]));
  write('large.md', 'x'.repeat(1024 * 1024 + 1));
  mkdirSync(join(directory, 'folder'));
  execFileSync('sh', ['-c', 'mkfifo pipe'], { cwd: directory });
  const names = ['missing.md', 'empty.md', 'binary.md', 'large.md', 'folder', 'pipe'];
  write('bad.yaml', `- prompt: fine\n${names.map((name) => `- prompt_file: ${name}\n`).join('')}`);
  const error: unknown = await read('bad.yaml').catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    code: 'task-file-invalid',
    message: `bad.yaml:2:16: ${join(directory, 'missing.md')}: there is no such file (and 5 more)`,
    details: {
      problems: [
        'there is no such file',
        'it is empty',
        'this is no text: it has NUL bytes',
        'it is larger than 1024 KiB',
        'it is a directory',
        'it is no regular file',
      ].map((reason, index) => ({
        line: index + 2,
        column: 16,
        message: `${join(directory, names[index] ?? '')}: ${reason}`,
      })),
    },
  });
});

test('a task file that is not there, or is none, is refused by name', async () => {
  await expect(read('nowhere.yaml')).rejects.toMatchObject({
    code: 'task-file-invalid',
    message: 'nowhere.yaml: there is no such file',
  });
  await expect(read('.')).rejects.toMatchObject({ message: '.: it is a directory' });
});
