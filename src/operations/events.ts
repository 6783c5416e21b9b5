/** The recorded events of all tasks, in the order in which they were recorded, for scripts. */

import type { RecordedEvent } from '../task/event.ts';
import type { TaskId } from '../task/names.ts';
import type { Context } from './context.ts';
import { recover } from './recover.ts';

/** An event with its place in the repository's whole history. */
export type LoggedEvent = RecordedEvent & {
  /** Grows with every event; a reader that was interrupted goes on after the last one it has seen. */
  readonly id: number;
  readonly task: TaskId;
};

export type EventsRequest = {
  /** Only events after this one; 0 for all. */
  readonly after: number;
  readonly follow: boolean;
  readonly signal: AbortSignal | null;
};

const LOOK_EVERY_MS = 100;
const RECOVER_EVERY_LOOKS = 10;
/** So many are read at once; a reader that is slow keeps no more in memory. */
const PAGE = 500;

/** Gives the events one by one; with `follow` on and on, until the signal. */
export async function* readEvents(context: Context, request: EventsRequest): AsyncGenerator<LoggedEvent> {
  let { after } = request;
  for (let looks = 1; ; looks++) {
    for (;;) {
      const page = context.store.eventsAfter(after, PAGE);
      for (const event of page) {
        yield event;
        after = event.id;
      }
      if (page.length < PAGE) break;
    }
    if (!request.follow || request.signal?.aborted === true) return;
    if (looks % RECOVER_EVERY_LOOKS === 0) await recover(context);
    await context.clock.sleep(LOOK_EVERY_MS, request.signal ?? undefined);
  }
}
