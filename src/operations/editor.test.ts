import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Environment } from '../base/environment.ts';
import { chooseEditor } from './editor.ts';

const root = mkdtempSync(join(tmpdir(), 'editors-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A PATH with these programs alone. */
function having(...names: string[]): Environment {
  const folder = mkdtempSync(join(root, 'bin-'));
  for (const name of names) {
    writeFileSync(join(folder, name), '#!/bin/sh\n');
    chmodSync(join(folder, name), 0o755);
  }
  return { PATH: folder };
}

const TERMINAL = { configured: null, hasTerminal: true, directory: root };
const NO_TERMINAL = { ...TERMINAL, hasTerminal: false };

test('the most explicit wish wins: --editor, PHASR_EDITOR, the setting, VISUAL, EDITOR, what is in PATH', () => {
  const env = { ...having('code'), PHASR_EDITOR: 'one', VISUAL: 'two', EDITOR: 'three' };
  const from = (wishes: Parameters<typeof chooseEditor>[1], variables: Environment): string =>
    chooseEditor(variables, wishes).from;
  expect(from({ ...TERMINAL, asked: 'zero', configured: ['set'] }, env)).toBe('--editor');
  expect(from({ ...TERMINAL, configured: ['set'] }, env)).toBe('PHASR_EDITOR');
  expect(from({ ...TERMINAL, configured: ['set'] }, { ...env, PHASR_EDITOR: '' })).toBe('settings');
  expect(from(TERMINAL, { ...env, PHASR_EDITOR: '' })).toBe('VISUAL');
  expect(from(TERMINAL, { ...env, PHASR_EDITOR: '', VISUAL: ' ' })).toBe('EDITOR');
  expect(from(TERMINAL, having('code'))).toBe('found');
});

test('VISUAL and EDITOR count where they can work: with a window, or on a terminal', () => {
  const env = { ...having('subl', 'vim'), VISUAL: 'vim', EDITOR: 'code --wait' };
  expect(chooseEditor(env, TERMINAL)).toEqual({ command: ['vim'], kind: 'terminal', from: 'VISUAL' });
  expect(chooseEditor(env, NO_TERMINAL)).toEqual({
    command: ['code', '--wait'],
    kind: 'window',
    from: 'EDITOR',
  });
  expect(chooseEditor({ ...env, EDITOR: 'nano' }, NO_TERMINAL).command).toEqual(['subl']);
});

test('of what is in PATH editors with a window come first, and one for the terminal only where there is one', () => {
  expect(chooseEditor(having('vim', 'nvim', 'zed', 'cursor'), TERMINAL)).toMatchObject({
    command: ['cursor'],
    kind: 'window',
  });
  expect(chooseEditor(having('vim', 'nvim'), TERMINAL)).toMatchObject({
    command: ['nvim'],
    kind: 'terminal',
  });
  expect(() => chooseEditor(having('vim', 'nvim'), NO_TERMINAL)).toThrow('no editor was found');
  expect(() => chooseEditor(having(), TERMINAL)).toThrow('no editor was found');
});

test('a line is split into words without a shell, and a program is meant from where the person stands', () => {
  const asked = (line: string): unknown => chooseEditor({}, { ...TERMINAL, asked: line }).command;
  expect(asked(`my-ed --title "a b" '$(touch x)'`)).toEqual(['my-ed', '--title', 'a b', '$(touch x)']);
  mkdirSync(join(root, 'tools'), { recursive: true });
  writeFileSync(join(root, 'tools/ed'), '#!/bin/sh\n', { mode: 0o755 });
  expect(asked('./tools/ed -x')).toEqual([join(root, 'tools/ed'), '-x']);
  expect(() => asked('vim "open')).toThrow('--editor is no command line');
  expect(() => chooseEditor({}, { ...NO_TERMINAL, asked: '/usr/bin/vim' })).toThrow(
    'vim (--editor) needs a terminal',
  );
  // Whatever is not known runs on the terminal where there is one; it may need it.
  expect(chooseEditor({}, { ...TERMINAL, asked: 'mine' }).kind).toBe('terminal');
  expect(chooseEditor({}, { ...NO_TERMINAL, asked: 'mine' }).kind).toBe('window');
});
