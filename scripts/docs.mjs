/** `npm run docs`: writes `docs/cli.md` from the declarations of the commands. A test keeps the two equal. */
import { build } from 'esbuild';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './install.mjs';

const built = await build({
  absWorkingDir: root,
  entryPoints: ['src/cli/reference.ts'],
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  // Declarations only: the commands themselves are loaded when they are called.
  external: ['./commands/*', '@photostructure/sqlite'],
  write: false,
  logLevel: 'warning',
});
const [file] = built.outputFiles;
if (file === undefined) throw new Error('nothing was built');
const url = `data:text/javascript;base64,${Buffer.from(file.contents).toString('base64')}`;
/** @type {{ renderReference: () => string }} */
const { renderReference } = await import(url);
writeFileSync(join(root, 'docs', 'cli.md'), renderReference());
console.log('docs/cli.md');
