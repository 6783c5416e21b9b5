import { expect, test } from 'vitest';
import { makeCustomAgent } from './custom.ts';

const DECLARED = {
  name: 'mine',
  command: ['./mine', '--fast', '--model={model}', '{prompt}'],
  prompt: 'argument',
  reads: 'claude',
  resume: ['./mine', 'again', '{session}', '{prompt}'],
  modelArgs: [],
  env: { MINE: '1' },
  install: null,
} as const;

const REQUEST = {
  prompt: 'do $& {model} it',
  model: null,
  permission: 'edit',
  session: null,
  worktreePath: '/w',
  isRoot: false,
} as const;

test('a declared agent gets prompt, model and session where its command says, as they are', () => {
  const agent = makeCustomAgent(DECLARED);
  expect(agent.program).toBe('./mine');
  // In no command, which is recorded.
  expect(agent.variables).toEqual({ MINE: '1' });
  expect(agent.command(REQUEST)).toEqual({
    args: ['--fast', 'do $& {model} it'],
    env: {},
    stdin: 'nothing',
  });
  expect(agent.command({ ...REQUEST, model: 'big' }).args).toEqual([
    '--fast',
    '--model=big',
    'do $& {model} it',
  ]);
  expect(agent.command({ ...REQUEST, session: 's-1' }).args).toEqual(['again', 's-1', 'do $& {model} it']);
  expect(agent.canResume).toBe(true);
});

test('a prompt without a place of its own comes last, or on standard input, or in its file alone', () => {
  const plain = { ...DECLARED, command: ['mine'], resume: null, modelArgs: ['-m', '{model}'] };
  expect(makeCustomAgent(plain).command({ ...REQUEST, model: 'x' }).args).toEqual([
    '-m',
    'x',
    REQUEST.prompt,
  ]);
  const piped = makeCustomAgent({ ...plain, prompt: 'stdin' }).command(REQUEST);
  expect(piped).toMatchObject({ args: [], stdin: 'prompt' });
  expect(makeCustomAgent({ ...plain, prompt: 'file' }).command(REQUEST)).toMatchObject({
    args: [],
    stdin: 'nothing',
  });
  expect(makeCustomAgent(plain).canResume).toBe(false);
});

test('a model stays an option when the prompt stands behind --, so that a prompt may begin with a dash', () => {
  const agent = makeCustomAgent({
    ...DECLARED,
    command: ['mine', 'run', '--', '{prompt}'],
    resume: ['mine', 'on', '{session}', '--', '{prompt}'],
    modelArgs: ['-m', '{model}'],
  });
  const request = { ...REQUEST, prompt: '--help -- me', model: 'x' };
  expect(agent.command(request).args).toEqual(['run', '-m', 'x', '--', '--help -- me']);
  expect(agent.command({ ...request, session: 's-1' }).args).toEqual([
    'on',
    's-1',
    '-m',
    'x',
    '--',
    '--help -- me',
  ]);
  expect(agent.command({ ...request, model: null }).args).toEqual(['run', '--', '--help -- me']);
});

test('an argument whose value is not there is left out, and no value is searched for the place of another', () => {
  const agent = makeCustomAgent({
    ...DECLARED,
    command: ['mine', '--model={model}', '--session={session}', '--say={prompt}'],
  });
  expect(agent.command(REQUEST).args).toEqual(['--say=do $& {model} it']);
  expect(agent.command({ ...REQUEST, prompt: '{session} {prompt} {model}', model: 'm' }).args).toEqual([
    '--model=m',
    '--say={session} {prompt} {model}',
  ]);
});

test('an agent that cannot go on with a session is started anew, whatever session it is given', () => {
  const agent = makeCustomAgent({ ...DECLARED, resume: null });
  expect(agent.canResume).toBe(false);
  expect(agent.command({ ...REQUEST, session: 's-1' }).args).toEqual(['--fast', REQUEST.prompt]);
});
