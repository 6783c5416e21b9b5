/**
 * The kinds of values that settings and task files hold. A message goes on from the name of a key: `timeout` … `takes a duration …`.
 */

import * as z from 'zod/mini';
import { DURATION, parseDuration } from '../../base/duration.ts';
import { parseSize, SIZE } from '../../base/size.ts';

const takesDuration = 'takes a duration such as "90s", "30m" or "2h"';
/** Out: milliseconds. */
export const duration = z.pipe(
  z.string(takesDuration).check(z.regex(DURATION, takesDuration)),
  z.transform((text) => parseDuration(text) ?? Number.NaN),
);

const takesSize = 'takes an amount such as "500MB" or "2GB"; "0" is none';
/** Out: bytes. */
export const size = z.pipe(
  z.string(takesSize).check(z.regex(SIZE, takesSize)),
  z.transform((text) => parseSize(text) ?? Number.NaN),
);

const takesLine = 'takes one line of text';
/** Names and titles: no control characters, something to see. */
export const line = z
  .string(takesLine)
  .check(z.regex(/^[^\u0000-\u001F\u007F]+$/, takesLine), z.regex(/\S/, takesLine));

const takesText = 'takes text that is not empty';
/** Prompts: any number of lines. */
export const text = z
  .string(takesText)
  .check(z.regex(/^[^\u0000]*$/, 'takes text without NUL characters'), z.regex(/\S/, takesText));

/** Only the words true and false of the format, no text. */
export const boolean = z.boolean('takes true or false');

/** A whole number in a range, both ends included. */
export function wholeNumber(min: number, max: number): z.ZodMiniNumberFormat {
  const takes = `takes a whole number from ${min} to ${max}`;
  return z.int(takes).check(z.gte(min, takes), z.lte(max, takes));
}

/** One of a few words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(
  words: Words,
): z.ZodMiniEnum<{ [Word in Words[number]]: Word }> {
  const quoted = words.map((word) => JSON.stringify(word));
  return z.enum(words, `takes ${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`);
}

const takesArgument = 'takes text without NUL characters';
const argument = z.string(takesArgument).check(z.regex(/^[^\u0000]*$/, takesArgument));

/** Arguments without a program. */
export const argumentList = z.array(argument, 'takes a list of arguments, as in ["--model", "{model}"]');

const takesPaths = 'takes a list of folders, absolute or in your home, as in ["~/.cache", "/opt/tool"]';
/** Absolute, or below the home as `~/…`. */
export const pathList = z.array(
  z.string(takesPaths).check(z.regex(/^(?:\/|~\/)[^\u0000]*$/, takesPaths)),
  takesPaths,
);

const takesCommand = 'takes a program and its arguments, as in ["my-agent", "--prompt", "{prompt}"]';
/** A program and its arguments; no shell reads them. */
export const command = z.array(argument, takesCommand).check(
  z.minLength(1, takesCommand),
  z.refine(([program]) => program !== undefined && program.trim() !== '', takesCommand),
);

/** Of an agent, in all places where people type one. */
export const AGENT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/;

const takesName = 'takes the name of an agent: up to 40 letters, digits, ".", "_", "-"';
/** As after `--agent`. Whether there is such an agent is not known here. */
export const agentName = z.string(takesName).check(z.regex(AGENT_NAME, takesName));

/** Phasr gives its own variables to each run, and nobody else may. */
const VARIABLE_NAME = /^(?!PHASR_)[A-Za-z_][A-Za-z0-9_]*$/;
const isNoVariable = 'is no name for a variable: letters, digits and "_", not beginning with PHASR_';

/** Environment variables. */
export const variables = z.record(
  z.string().check(z.regex(VARIABLE_NAME, isNoVariable)),
  z.string('takes text; put it in quotes').check(z.regex(/^[^\u0000]*$/, takesArgument)),
  'takes a table of variables, as in { LEVEL = "2" }',
);

const takesVariables = 'takes "all", or a list of names of variables, as in ["DATABASE_URL", "AWS_*"]';
const variablePattern = z.string(takesVariables).check(z.regex(/^[A-Za-z_*][A-Za-z0-9_*]*$/, takesVariables));

const takesHosts =
  'takes true, false, or a list of hosts, as in ["api.anthropic.com", "*.npmjs.org", "localhost:8080"]';
const host = z
  .string(takesHosts)
  .check(z.regex(/^(?:\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?$/, takesHosts));

/** A network, none, or some hosts. */
export const network = z.union([z.boolean(), z.array(host)], takesHosts);

/** Names of variables; `*` stands for any characters. */
export const variableNames = z.array(
  variablePattern,
  'takes a list of names of variables, as in ["GITHUB_TOKEN", "*_API_KEY"]',
);

/** Which variables: all, or these. */
export const allOrVariables = z.union([z.literal('all'), z.array(variablePattern)], takesVariables);

/** A table with exactly these keys, each of which may be missing. Unknown ones are problems. */
export function table<Keys extends z.core.$ZodShape>(keys: Keys): z.ZodMiniObject<Keys, z.core.$strict> {
  return z.strictObject(keys, 'takes a table');
}
