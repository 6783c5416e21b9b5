/** Agents that people declare themselves, in settings. */

import type { Agent, AgentCommand, AgentRequest } from './agent.ts';
import { readerNamed } from './catalogue.ts';

/** As a table `[agents.NAME]` of a settings file says it. */
export type CustomAgent = {
  readonly name: string;
  /** Program and arguments; `{prompt}` and `{model}` in an argument stand for them. An argument for a model that is not asked for is left out. */
  readonly command: readonly string[];
  readonly prompt: 'argument' | 'stdin' | 'file';
  /** Whose output its output reads like; `text` for nobody's. */
  readonly reads: string;
  /** The command that goes on with a session, with `{session}` in it; null when it cannot. */
  readonly resume: readonly string[] | null;
  /** Added when a model is asked for: before `--` where the command has one, else at its end. */
  readonly modelArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly install: string | null;
};

/** Makes an agent of a declaration. It is run as its command says, which is its only permission. */
export function makeCustomAgent(declared: CustomAgent): Agent {
  const { name, reads, env } = declared;
  return {
    name,
    title: name,
    program: declared.command[0] ?? '',
    install: declared.install ?? `its command is ${declared.command.join(' ')}, from your settings`,
    versionArgs: ['--version'],
    permissions: ['edit'],
    permissionNote: 'as its command in the settings says',
    reads,
    canResume: declared.resume !== null,
    command: (request): AgentCommand => ({
      args: makeArgs(declared, request),
      env: {},
      stdin: declared.prompt === 'stdin' ? 'prompt' : 'nothing',
    }),
    variables: env,
    newReader: () => readerNamed(reads),
  };
}

function makeArgs(declared: CustomAgent, request: AgentRequest): readonly string[] {
  const { prompt, model, session } = request;
  const words = (session !== null && declared.resume !== null ? declared.resume : declared.command).slice(1);
  // What follows `--` is no option any more.
  const end = words.includes('--') ? words.indexOf('--') : words.length;
  const all = [...words.slice(0, end), ...(model === null ? [] : declared.modelArgs), ...words.slice(end)];
  const values: readonly (readonly [string, string | null])[] = [
    ['{model}', model],
    ['{session}', session],
    ['{prompt}', prompt],
  ];
  const args = all
    .filter((word) => values.every(([name, value]) => value !== null || !word.includes(name)))
    .map((word) => values.reduce((text, [name, value]) => text.replaceAll(name, () => value ?? ''), word));
  const isMissing = declared.prompt === 'argument' && !all.some((word) => word.includes('{prompt}'));
  return isMissing ? [...args, prompt] : args;
}
