/** Looks into JSON that somebody else made, without trusting its shape. */

/** What a line holds when it is a JSON object; undefined for everything else. */
export function parseObject(line: string): Fields | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return asFields(JSON.parse(line));
  } catch {
    // Safe to ignore: no JSON is one of the two answers.
    return undefined;
  }
}

export type Fields = Readonly<Record<string, unknown>>;

function asFields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/** The value below a path of names; undefined where there is none. */
export function at(value: unknown, ...names: readonly string[]): unknown {
  let here = value;
  for (const name of names) {
    const fields = asFields(here);
    here = fields !== undefined && Object.hasOwn(fields, name) ? fields[name] : undefined;
  }
  return here;
}

export function textAt(value: unknown, ...names: readonly string[]): string | undefined {
  const found = at(value, ...names);
  return typeof found === 'string' ? found : undefined;
}

export function numberAt(value: unknown, ...names: readonly string[]): number | undefined {
  const found = at(value, ...names);
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
}

export function listAt(value: unknown, ...names: readonly string[]): readonly unknown[] {
  const found = at(value, ...names);
  return Array.isArray(found) ? (found as readonly unknown[]) : [];
}

/** A value as one line for people: text as it is, everything else as JSON. Never throws. */
export function renderValue(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === undefined) return '';
  try {
    return JSON.stringify(value);
  } catch {
    // Safe to ignore: JSON is read to any depth, but written by recursion. What is nested deeper than the stack is nothing to look at.
    return '…';
  }
}
