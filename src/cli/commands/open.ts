/** `phasr open`: a task's worktree in an editor or a shell. */

import type { Editor } from '../../operations/editor.ts';
import type { Entered } from '../../operations/enter.ts';
import { chooseEditor } from '../../phasr.ts';
import { flag, type Handler, type Invocation, parseTask, text, usageError, withPhasr } from '../command.ts';
import { describeEnd } from '../foreground.ts';

export const open: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output, env, directory } = invocation;
    const wantsShell = flag(options, 'shell');
    const asked = text(options, 'editor');
    if (wantsShell && asked !== null)
      throw usageError('--shell and --editor exclude each other', 'phasr open --help');
    const entered = await phasr.enter(parseTask(args, phasr.currentTask));
    const isJson = flag(options, 'json');
    const configured = (await phasr.settings()).open.editor.value;
    const hasTerminal = process.stdin.isTTY && output.isTerminal;
    const chosen: Editor = wantsShell
      ? { command: [env['SHELL'] || '/bin/sh'], kind: 'terminal', from: 'SHELL' }
      : // A script that asks is told what a person would get.
        chooseEditor(env, { asked, configured, hasTerminal: hasTerminal || isJson, directory });
    const command = wantsShell ? chosen.command : [...chosen.command, entered.path];
    if (isJson) {
      output.json('open', {
        task: entered.task.id,
        path: entered.path,
        command,
        kind: chosen.kind,
        from: chosen.from,
      });
      return 0;
    }
    if (chosen.kind === 'window') {
      await entered.start(command);
      output.line(`task ${entered.task.id} is opened in ${chosen.command[0] ?? ''}: ${entered.path}`);
      return 0;
    }
    if (wantsShell) tellAboutShell(invocation, entered);
    const end = await invocation.leaveSignals(() => entered.run(command, 'output'));
    return describeEnd(end).exitCode;
  });

function tellAboutShell({ output }: Invocation, { task, isAgentAtWork }: Entered): void {
  output.note(`a shell in the worktree of task ${task.id}, on branch ${task.branch}; leave it with: exit`);
  if (isAgentAtWork) output.note('its agent is at work in the same files');
}
