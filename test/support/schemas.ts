/** Every JSON document that a test gets is held against its published schema. */

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

const FOLDER = fileURLToPath(new URL('../../docs/json/', import.meta.url));

let validators: ReadonlyMap<string, ValidateFunction> | undefined;

function loadValidators(): ReadonlyMap<string, ValidateFunction> {
  // The formats are for readers; what a date is, is not what a test could get wrong here.
  const ajv = new Ajv2020({ allErrors: false, validateFormats: false, strict: true, allowUnionTypes: true });
  const schemas = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.schema.json') && name !== 'task-file.schema.json')
    .map((name) => JSON.parse(readFileSync(FOLDER + name, 'utf8')) as { $id: string });
  return new Map(schemas.map((schema) => [schema.$id, ajv.compile(schema)]));
}

/** Throws when a document does not name a published schema, or is not as it says. */
export function requireValid(document: unknown, where: string): void {
  validators ??= loadValidators();
  const name = String((document as { schema?: unknown }).schema);
  const validate = validators.get(name);
  if (validate === undefined) throw new Error(`${where}: there is no schema ${name}`);
  if (validate(document)) return;
  throw new Error(
    `${where}: no ${name}: ${JSON.stringify(validate.errors?.slice(0, 3))}\n${JSON.stringify(document)}`,
  );
}
