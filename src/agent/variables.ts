/** Which of the person's variables an agent gets, where not all of them. Pure. */

import type { Environment } from '../base/environment.ts';

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

/**
 * What programs need to find their way: places, languages, terminals, proxies, certificates and tool chains. Nothing that opens a door: no keys, no agents of keys, no
 * display.
 */
const BASIC = words(`
  PATH HOME USER LOGNAME SHELL PWD TMPDIR TMP TEMP TZ LANG LANGUAGE LC_* TERM TERM_* COLORTERM COLUMNS LINES NO_COLOR FORCE_COLOR CI
  XDG_* HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR
  CURL_CA_BUNDLE REQUESTS_CA_BUNDLE NODE_EXTRA_CA_CERTS NODE_OPTIONS NODE_PATH NVM_* VOLTA_HOME FNM_* PNPM_HOME BUN_INSTALL DENO_*
  COREPACK_* VIRTUAL_ENV PYENV_ROOT CONDA_* UV_* GOPATH GOROOT GOBIN CARGO_HOME RUSTUP_* JAVA_HOME GRADLE_USER_HOME M2_HOME
  ANDROID_HOME GEM_HOME RBENV_ROOT DOTNET_* ASDF_* MISE_* GIT_AUTHOR_* GIT_COMMITTER_* GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_PAGER
  GIT_TERMINAL_PROMPT GIT_CEILING_DIRECTORIES GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_CONFIG_NOSYSTEM PHASR_HOME PHASR_CONFIG
`);

/** What agents by name read: logins, models, folders. One that is missing here shows as a login that fails; `isolation.env` adds it. */
const OF_AGENTS: Readonly<Record<string, readonly string[]>> = {
  claude: [
    'ANTHROPIC_*',
    'CLAUDE_*',
    'CLAUDECODE',
    'DISABLE_*',
    'BASH_*',
    'MAX_*',
    'MCP_*',
    'AWS_*',
    'VERTEX_*',
    'CLOUD_ML_REGION',
  ],
  codex: ['OPENAI_*', 'CODEX_*', 'AZURE_OPENAI_*', 'RUST_LOG'],
  gemini: ['GEMINI_*', 'GOOGLE_*'],
  qwen: ['QWEN_*', 'OPENAI_*', 'DASHSCOPE_*', 'GEMINI_*'],
  opencode: [
    'OPENCODE_*',
    'ANTHROPIC_*',
    'OPENAI_*',
    'GEMINI_*',
    'GOOGLE_*',
    'OPENROUTER_*',
    'GROQ_*',
    'AWS_*',
    'AZURE_*',
  ],
  aider: [
    'AIDER_*',
    'ANTHROPIC_*',
    'OPENAI_*',
    'GEMINI_*',
    'OPENROUTER_*',
    'DEEPSEEK_*',
    'GROQ_*',
    'OLLAMA_*',
  ],
  copilot: ['COPILOT_*', 'GH_TOKEN', 'GITHUB_TOKEN'],
  pi: ['PI_*', 'ANTHROPIC_*', 'OPENAI_*', 'GEMINI_*', 'GROQ_*', 'OPENROUTER_*', 'XAI_*'],
  cline: ['CLINE_*', 'ANTHROPIC_*', 'OPENAI_*', 'OPENROUTER_*'],
};

/** Those of `env` that a preset lets through: the basic ones, those of the agent by that name, and `more`. A `*` stands for any characters. */
export function allowVariables(
  env: Environment,
  { agent, more }: { readonly agent: string | null; readonly more: readonly string[] },
): Record<string, string> {
  const own = agent === null ? [] : (OF_AGENTS[agent] ?? []);
  const isAllowed = matcherOf([...BASIC, ...own, ...more]);
  const allowed: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (isAllowed(name)) allowed[name] = value;
  return allowed;
}

/** The values of the variables that some patterns name, longest first. Shorter ones than six characters are in every text, and left out. */
export function secretValues(env: Environment, patterns: readonly string[]): readonly string[] {
  const isSecret = matcherOf(patterns);
  const values = Object.entries(env).flatMap(([name, value]) => (isSecret(name) ? [value] : []));
  return [...new Set(values)].filter((value) => value.length >= 6).toSorted((a, b) => b.length - a.length);
}

function matcherOf(patterns: readonly string[]): (name: string) => boolean {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')));
  const globs = patterns
    .filter((pattern) => pattern.includes('*'))
    .map(
      (pattern) => new RegExp(`^${pattern.replaceAll(/[^\w*]/g, String.raw`\$&`).replaceAll('*', '.*')}$`),
    );
  return (name) => exact.has(name) || globs.some((glob) => glob.test(name));
}
