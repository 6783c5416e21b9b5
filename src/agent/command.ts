/** An agent as a command: how a prompt reaches it. Pure. */

/** Stands for the prompt inside an argument. */
const PROMPT_PLACEHOLDER = '{prompt}';

/**
 * One argument or variable may have at most 131,072 bytes on Linux (`MAX_ARG_STRLEN`, 32 pages), name and NUL included. A longer prompt is still in the file.
 */
export const ARGUMENT_BYTES_MAX = 131_072 - 64;

export type AgentRun = {
  readonly taskId: number;
  readonly branch: string;
  readonly baseOid: string;
  readonly worktreePath: string;
  readonly prompt: string;
  readonly promptPath: string;
  /** `NAME=value` that every process of the run carries. */
  readonly marker: string;
};

/** The variable that marks every process of a run. */
export const MARKER_NAME = 'PHASR_RUN';

/** Variables of Phasr's own; an agent's environment and a supervisor's never inherit them from an outer task. */
export const TASK_VARIABLES: readonly string[] = [
  MARKER_NAME,
  'PHASR_TASK',
  'PHASR_BRANCH',
  'PHASR_BASE',
  'PHASR_WORKTREE',
  'PHASR_PROMPT',
  'PHASR_PROMPT_FILE',
];

/** The command with the prompt in place of each placeholder; an argument stays one argument, whatever the prompt contains. */
export function commandWithPrompt(command: readonly string[], prompt: string): readonly string[] {
  return command.map((argument, index) =>
    index === 0 ? argument : argument.replaceAll(PROMPT_PLACEHOLDER, () => prompt),
  );
}

/** Whether the command would get the prompt in an argument. */
export function takesPromptArgument(command: readonly string[]): boolean {
  return command.slice(1).some((argument) => argument.includes(PROMPT_PLACEHOLDER));
}

/** What an agent finds in its environment besides the user's own variables. */
export function taskVariables(run: AgentRun): Record<string, string> {
  const fits = Buffer.byteLength(run.prompt) <= ARGUMENT_BYTES_MAX;
  return {
    [MARKER_NAME]: run.marker,
    PHASR_TASK: String(run.taskId),
    PHASR_BRANCH: run.branch,
    PHASR_BASE: run.baseOid,
    PHASR_WORKTREE: run.worktreePath,
    PHASR_PROMPT_FILE: run.promptPath,
    ...(fits ? { PHASR_PROMPT: run.prompt } : {}),
  };
}
