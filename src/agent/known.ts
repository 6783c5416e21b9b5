/** Agent programs that people use with Phasr, and the command line that gives each its prompt without a terminal. */

export type KnownAgent = {
  readonly name: string;
  /** The program's name in PATH. */
  readonly program: string;
  /** Its arguments for one prompt, without asking back; `{prompt}` stands for the prompt. */
  readonly args: readonly string[];
  readonly install: string;
};

/** Flags as each program's own help has them in November 2026. */
export const KNOWN_AGENTS: readonly KnownAgent[] = [
  {
    name: 'Claude Code',
    program: 'claude',
    args: ['-p', '--permission-mode', 'acceptEdits', '{prompt}'],
    install: 'npm install -g @anthropic-ai/claude-code',
  },
  {
    name: 'Codex',
    program: 'codex',
    args: ['exec', '-s', 'workspace-write', '{prompt}'],
    install: 'npm install -g @openai/codex',
  },
  {
    name: 'Gemini CLI',
    program: 'gemini',
    args: ['--yolo', '--skip-trust', '-p', '{prompt}'],
    install: 'npm install -g @google/gemini-cli',
  },
  { name: 'opencode', program: 'opencode', args: ['run', '{prompt}'], install: 'npm install -g opencode-ai' },
  {
    name: 'Copilot CLI',
    program: 'copilot',
    args: ['--allow-all', '-p', '{prompt}'],
    install: 'npm install -g @github/copilot',
  },
  {
    name: 'Qwen Code',
    program: 'qwen',
    args: ['--yolo', '{prompt}'],
    install: 'npm install -g @qwen-code/qwen-code',
  },
  {
    name: 'pi',
    program: 'pi',
    args: ['-p', '{prompt}'],
    install: 'npm install -g @mariozechner/pi-coding-agent',
  },
  { name: 'cline', program: 'cline', args: ['{prompt}'], install: 'npm install -g cline' },
  {
    name: 'aider',
    program: 'aider',
    args: ['--yes-always', '--no-auto-commits', '--message', '{prompt}'],
    install: 'python -m pip install aider-install && aider-install',
  },
];
