/** A fingerprint with how far the records had come, as it is kept with a run. */

import type { Fingerprint } from '../git/fingerprint.ts';
import { readPlainText } from '../store/files.ts';
import type { Confinement } from '../task/event.ts';

/** What was known at one moment: how things were, and how far the records had come. */
export type Moment = {
  /** Of the walls of the run: what was looked at depends on it. The record may not know, when a supervisor found the run that another one had started. */
  readonly level: Confinement['level'];
  readonly print: Fingerprint;
  readonly lastEvent: number;
  readonly atMs: number;
  /** The tasks that nobody is at work on, by id, with how many events had made them. */
  readonly resting: ReadonlyMap<number, number>;
};

/** As text, for {@link readMoment}. */
export function renderMoment({ print, resting, ...rest }: Moment): string {
  return JSON.stringify({ ...rest, resting: [...resting], print: [...print] });
}

/** The fingerprint of a run as it was kept; undefined when there is none, or it is damaged. */
export function readMoment(path: string): Moment | undefined {
  const text = readPlainText(path);
  if (text === undefined) return undefined;
  try {
    const { resting, print, ...rest } = JSON.parse(text) as {
      readonly level: Confinement['level'];
      readonly lastEvent: number;
      readonly atMs: number;
      readonly resting: readonly (readonly [number, number])[];
      readonly print: readonly (readonly [string, string])[];
    };
    return { ...rest, resting: new Map(resting), print: new Map(print) };
  } catch {
    // Safe to ignore: cut off by a power cut; the run is compared with nothing then.
    return undefined;
  }
}
