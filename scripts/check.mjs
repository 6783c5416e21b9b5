/**
 * `npm run check`: everything that can be said of the code without running it. Stops at the first step that
 * fails.
 */
import { join } from 'node:path';
import { ensureInstalled, giveUp, run } from './install.mjs';

const bin = (/** @type {string} */ name) => join('node_modules', '.bin', name);

const STEPS = [
  { title: 'type check', file: bin('tsc'), args: ['-p', '.'] },
  { title: 'format check', file: bin('oxfmt'), args: ['--check'] },
  { title: 'lint', file: bin('oxlint'), args: ['--type-aware', '--deny-warnings'] },
  { title: 'unused code', file: bin('knip'), args: [] },
];

await ensureInstalled().catch(giveUp);
for (const { title, file, args } of STEPS) {
  console.log(`\n== ${title}`);
  const code = await run(file, args).catch(giveUp);
  if (code === 0) continue;
  console.log(`\n${title} failed`);
  process.exit(code);
}
