/** Tool calls whose results have not come yet, with what is told of them then: the tool's name, and the file that it was to write. */

import type { AgentEvent } from './event.ts';

export type OpenTools = {
  readonly start: (id: string, call: { readonly tool: string; readonly path: string | null }) => void;
  /** The events of a call's end: a file counts as written only if the call did not fail. */
  readonly end: (
    id: string,
    result: { readonly isError: boolean; readonly output: string },
  ) => readonly AgentEvent[];
};

/** An agent that opens more calls at once than this has lost count, not we. */
const OPEN_TOOLS_MAX = 1000;

export function newOpenTools(): OpenTools {
  const open = new Map<string, { readonly tool: string; readonly path: string | null }>();
  return {
    start: (id, call) => {
      if (open.size < OPEN_TOOLS_MAX) open.set(id, call);
    },
    end: (id, { isError, output }) => {
      const { tool, path } = open.get(id) ?? { tool: '', path: null };
      open.delete(id);
      return [
        { kind: 'tool.ended', id, tool, isError, output },
        ...(path !== null && !isError ? [{ kind: 'files', paths: [path] } as const] : []),
      ];
    },
  };
}
