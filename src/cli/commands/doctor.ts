/** `phasr doctor`. */

import { renderCount, renderVisible } from '../../base/text.ts';
import { PhasrError } from '../../base/errors.ts';
import type { Finding } from '../../operations/doctor/examine.ts';
import type { Repair } from '../../operations/doctor/repair-kinds.ts';
import { examine, repair } from '../../phasr.ts';
import { flag, type Handler, type Invocation, usageError } from '../command.ts';
import type { Output } from '../output.ts';

export const doctor: Handler = async (invocation) => {
  const { directory, env, options, output } = invocation;
  if (flag(options, 'dryRun') && !flag(options, 'fix'))
    throw usageError('--dry-run says what --fix would do', 'phasr doctor --fix --dry-run');
  const repairs = flag(options, 'fix') ? await repairHere(invocation) : [];
  const findings = await examine({ directory, env });
  const problems = findings.filter(({ status }) => status === 'problem').length;
  const code = problems === 0 ? 0 : 1;
  if (flag(options, 'json')) {
    output.json('doctor', { repairs, findings });
    return code;
  }
  if (flag(options, 'fix')) printRepairs(output, repairs);
  printFindings(output, findings);
  const notes = findings.filter(({ status }) => status === 'note').length;
  output.line('');
  output.line(
    `${problems === 0 ? 'no problem' : renderCount(problems, 'problem')}${notes === 0 ? '' : `, ${renderCount(notes, 'note')}`}`,
  );
  return code;
};

/** Without a repository, or without a git that can tell, there is nothing to repair; the findings say so. */
async function repairHere({ directory, env, options }: Invocation): Promise<readonly Repair[]> {
  try {
    return await repair({ directory, env }, { isDryRun: flag(options, 'dryRun') });
  } catch (error) {
    const codes: readonly string[] = ['not-a-repository', 'git-missing'];
    if (error instanceof PhasrError && codes.includes(error.code)) return [];
    throw error;
  }
}

function printRepairs(output: Output, repairs: readonly Repair[]): void {
  const { green, yellow, red } = output.color;
  const words = { done: green('repaired'), planned: yellow('would   '), left: red('left    ') };
  for (const { outcome, message, hint, aside, operation } of repairs) {
    output.line(`${words[outcome]}  ${renderVisible(message)}`);
    if (aside !== null) output.line(`          kept as ${renderVisible(aside)}`);
    if (operation !== null) output.line(output.color.dim(`          taken back by: phasr undo ${operation}`));
    if (hint !== null) output.line(`          → ${renderVisible(hint)}`);
  }
  if (repairs.length === 0) output.line('nothing to repair');
  output.line('');
}

function printFindings(output: Output, findings: readonly Finding[]): void {
  const { green, yellow, red } = output.color;
  const paint = { ok: green, note: yellow, problem: red };
  const width = Math.max(...findings.map(({ check }) => check.length));
  for (const { check, status, message, hint } of findings) {
    output.line(`${paint[status](status.padEnd(7))}  ${check.padEnd(width)}  ${renderVisible(message)}`);
    if (hint !== null) output.line(`${' '.repeat(9 + width)}  → ${renderVisible(hint)}`);
  }
}
