/** `phasr complete -- words…`: the hidden entry that the shells' completion scripts call. It never fails and never writes. */

import type { Environment } from '../base/environment.ts';
import { findEditors, glimpse, listAgents, PERMISSIONS } from '../phasr.ts';
import { COMMANDS } from './commands.ts';
import { type Candidate, completeWords, renderCompletion } from './completion.ts';

/** What may stand where the cursor is, as lines for the scripts; empty when nothing is known. */
export async function answerCompletion(
  words: readonly string[],
  { env, directory }: { readonly env: Environment; readonly directory: () => string },
): Promise<string> {
  // Nothing is written while a person types, not even a trace.
  const { PHASR_TRACE: _, ...quiet } = env;
  let looking: ReturnType<typeof glimpse> | undefined;
  try {
    const completion = await completeWords(words, {
      commands: COMMANDS,
      agents: () => agentCandidates({ directory: directory(), env: quiet }),
      permissions: PERMISSIONS,
      editors: () => findEditors(quiet),
      glimpse: async () => {
        try {
          return await (looking ??= glimpse(directory(), quiet));
        } catch {
          // Safe to ignore: outside a repository, or in a damaged one, there are still commands and options.
          return undefined;
        }
      },
    });
    return renderCompletion(completion);
  } catch {
    // Safe to ignore: an error has no place in what a person is typing; calling the command shows it.
    return '';
  }
}

async function agentCandidates(where: Parameters<typeof listAgents>[0]): Promise<readonly Candidate[]> {
  const found = await listAgents(where);
  return found.map(({ name, title, path }) => ({
    value: name,
    description: path === null ? `${title} (not found in PATH)` : title,
  }));
}
