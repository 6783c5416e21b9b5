/** `phasr completion`: prints a shell's completion script. */

import bash from '../shells/phasr.bash';
import fish from '../shells/phasr.fish';
import powershell from '../shells/phasr.ps1';
import zsh from '../shells/phasr.zsh';
import { flag, type Handler, usageError } from '../command.ts';

const SCRIPTS: ReadonlyMap<string, string> = new Map([
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
  ['powershell', powershell],
]);

export const completion: Handler = async ({ args: [shell], options, output }) => {
  const script = SCRIPTS.get(shell ?? '');
  if (script === undefined) {
    throw usageError(
      shell === undefined ? 'which shell?' : `there is no completion for "${shell}"`,
      `One of: ${[...SCRIPTS.keys()].join(', ')}. Where to put it: phasr completion --help`,
    );
  }
  if (flag(options, 'json')) output.json('completion', { shell, script });
  else await output.bytes(Buffer.from(script));
  return 0;
};
