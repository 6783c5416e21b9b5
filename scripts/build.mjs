/**
 * Builds `dist/`: the program and its helper as one CommonJS file each, the library as one ES module, types beside it, and the licences of
 * what is bundled. One file, because what users feel is the start: `phasr list` took 85 ms as ES modules in chunks and 66 ms like this; as
 * CommonJS in 43 chunks it gained nothing either.
 *
 * What only few calls need, and is large, is a part of its own: even unused, 200 KB more to read cost `phasr list` 4 ms. So is all but `--version`,
 * which scripts and prompts ask often: 59 ms became 34.
 */
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

/** Loaded by `cli` and `helper` (src/code-cache.ts). */
const BODIES = { call: 'src/cli/call.ts', background: 'src/background.ts' };
/** Loaded by an `import()`, as `./<name>.cjs`. */
const PARTS = {
  'settings-file': 'src/store/settings/settings-file.ts',
  'task-file': 'src/store/settings/task-file.ts',
};
/** What only one of the files that a process reads may contain (a gateway reads no other): a second class of that name would not be an `instanceof` the first. */
const ONLY_ONCE = 'src/base/errors.ts';

/** @type {import('esbuild').Plugin} */
const separateParts = {
  name: 'separate-parts',
  setup: (building) => {
    for (const [name, path] of Object.entries(PARTS)) {
      building.onResolve({ filter: new RegExp(`/${name}\\.ts$`) }, ({ kind, path: imported, resolveDir }) =>
        kind === 'dynamic-import' && resolve(resolveDir, imported) === `${root}${path}`
          ? { path: `./${name}.cjs`, external: true }
          : undefined,
      );
    }
  },
};

/** @type {import('esbuild').BuildOptions} */
const COMMON = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  external: Object.keys(manifest.dependencies),
  legalComments: 'none',
  // The shells' completion scripts are part of the program.
  loader: { '.bash': 'text', '.zsh': 'text', '.fish': 'text', '.ps1': 'text' },
  // Less to read at each start; names stay, for stacks in bug reports.
  minifyWhitespace: true,
  minifySyntax: true,
  metafile: true,
  plugins: [separateParts],
  logLevel: 'warning',
};
const VERSION = { PHASR_VERSION: JSON.stringify(manifest.version) };

/** CommonJS has no `import.meta.url`. */
const programs = {
  ...COMMON,
  entryPoints: {
    cli: 'src/cli/main.ts',
    helper: 'src/helper.ts',
    gateway: 'src/process/gateway-program.ts',
    ...BODIES,
    ...PARTS,
  },
  outdir: 'dist',
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  define: { ...VERSION, 'import.meta.url': 'phasrFileUrl' },
  // A part is required: the first `import()` of a process loads Node's module loader, too.
  supported: { 'dynamic-import': false },
  banner: { js: "const phasrFileUrl=require('node:url').pathToFileURL(__filename).href;" },
};
const library = {
  ...COMMON,
  entryPoints: { index: 'src/index.ts' },
  outdir: 'dist',
  format: 'esm',
  define: VERSION,
};

rmSync(`${root}dist`, { recursive: true, force: true });
const built = await Promise.all([build(programs), build(library)]).catch(() => {
  // esbuild has said what is wrong, and where.
  process.exit(1);
});
chmodSync(`${root}dist/cli.cjs`, 0o755);

for (const [path, { inputs }] of Object.entries(built[0].metafile.outputs)) {
  if (!/\/(?:call|background|gateway)\.cjs$/.test(path) && ONLY_ONCE in inputs)
    throw new Error(`${path} must not contain ${ONLY_ONCE}`);
}

const bundled = new Set();
for (const { metafile } of built) {
  for (const input of Object.keys(metafile.inputs)) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
    if (name !== undefined) bundled.add(name);
  }
}
const notices = [...bundled]
  .sort((a, b) => a.localeCompare(b))
  .map((name) => {
    const folder = `${root}node_modules/${name}/`;
    const licence = ['LICENSE', 'license', 'LICENSE.md', 'licence']
      .map((file) => folder + file)
      .find(existsSync);
    if (licence === undefined) throw new Error(`${name} is bundled but has no licence file`);
    const { version } = JSON.parse(readFileSync(`${folder}package.json`, 'utf8'));
    return `${name} ${version}\n\n${readFileSync(licence, 'utf8').trim()}\n`;
  });
writeFileSync(`${root}dist/THIRD-PARTY-LICENCES.txt`, notices.join(`\n${'-'.repeat(72)}\n\n`));

if (!process.argv.includes('--no-types')) {
  const tsc = `${root}node_modules/typescript/bin/tsc`;
  execFileSync(process.execPath, [tsc, '-p', `${root}tsconfig.build.json`], { stdio: 'inherit' });
}
