/** Time as Phasr sees it: milliseconds since 1970 for facts, and waits that always have a limit. */

export type Clock = {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly nowMs: () => number;
  /** Resolves after `ms`, or at once when `signal` is aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
};

/** The machine's own time. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
};

/**
 * Asks `probe` until it answers something other than undefined.
 * Gives undefined when `limitMs` has passed; the probe is always asked at least once.
 */
export async function waitUntil<T>(
  clock: Clock,
  probe: () => T | undefined | Promise<T | undefined>,
  limits: { readonly everyMs: number; readonly limitMs: number },
): Promise<T | undefined> {
  const deadlineMs = clock.nowMs() + limits.limitMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined) return answer;
    const leftMs = deadlineMs - clock.nowMs();
    if (leftMs <= 0) return undefined;
    await clock.sleep(Math.min(limits.everyMs, leftMs));
  }
}
