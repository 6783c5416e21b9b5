/** `phasr doctor`. */

import { renderCount, renderVisible } from '../../base/text.ts';
import { examine } from '../../phasr.ts';
import { flag, type Handler } from '../command.ts';

export const doctor: Handler = async ({ directory, env, options, output }) => {
  const findings = await examine({ directory, env });
  const count = (status: string): number => findings.filter((finding) => finding.status === status).length;
  const problems = count('problem');
  if (flag(options, 'json')) {
    output.json('doctor', { findings });
    return problems === 0 ? 0 : 1;
  }
  const { green, yellow, red } = output.color;
  const paint = { ok: green, note: yellow, problem: red };
  const width = Math.max(...findings.map(({ check }) => check.length));
  for (const { check, status, message, hint } of findings) {
    output.line(`${paint[status](status.padEnd(7))}  ${check.padEnd(width)}  ${renderVisible(message)}`);
    if (hint !== null) output.line(`${' '.repeat(9 + width)}  → ${renderVisible(hint)}`);
  }
  output.line('');
  const notes = count('note') === 0 ? '' : `, ${renderCount(count('note'), 'note')}`;
  output.line(`${problems === 0 ? 'no problem' : renderCount(problems, 'problem')}${notes}`);
  return problems === 0 ? 0 : 1;
};
