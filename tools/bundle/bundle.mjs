// Bundles entry points of a project into dist/: `node tools/bundle/bundle.mjs PROJECT_FOLDER [ENTRY...]` (default: main).
// One file per entry, dependencies included, so that what runs here is what runs in an image.
import { build } from 'esbuild';

const [root, ...names] = process.argv.slice(2);
const entries = names.length > 0 ? names : ['main'];

await build({
  entryPoints: entries.map((entry) => `${root}/src/${entry}.ts`),
  outdir: `dist/${root}`,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  sourcemap: true,
  legalComments: 'none',
  logLevel: 'warning',
  // CommonJS dependencies that are bundled into a module still call `require`, and ask where they stand.
  banner: {
    js: [
      `import { createRequire as __createRequire } from 'node:module';`,
      `import { fileURLToPath as __fileURLToPath } from 'node:url';`,
      `const require = __createRequire(import.meta.url);`,
      `const __filename = __fileURLToPath(import.meta.url);`,
      `const __dirname = __fileURLToPath(new URL('.', import.meta.url));`,
    ].join('\n'),
  },
});
