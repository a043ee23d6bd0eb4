import nx from '@nx/eslint-plugin';
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** What each kind of project may import (docs: CONTRIBUTING.md, "Layout"). An app is never imported. */
const layers = {
  'type:app': ['type:pure', 'type:gen', 'type:io'],
  'type:tool': ['type:pure', 'type:gen', 'type:io', 'type:tool'],
  'type:io': ['type:pure', 'type:gen', 'type:io'],
  'type:pure': ['type:pure', 'type:gen'],
  'type:gen': ['type:gen'],
};

/** The third-party packages that a pure library may import: no clients, no servers. */
const pureDependencies = ['zod', '@bufbuild/protobuf', '@bufbuild/protobuf/*', 're2js', 'fast-check', '@jest/globals'];

const pureSources = ['api', 'selector', 'load-balancing', 'model', 'xds', 'coordination'].map(
  (l) => `libs/${l}/src/**/*.ts`,
);
const tests = ['**/*.spec.ts', '**/src/testing/**/*.ts'];

export default tseslint.config(
  { ignores: ['dist', '.nx', 'node_modules', 'libs/protos/src/gen', '**/testdata'] },
  js.configs.recommended,
  {
    files: ['**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', Buffer: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strict],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          allow: [],
          enforceBuildableLibDependency: false,
          depConstraints: Object.entries(layers).map(([sourceTag, onlyDependOnLibsWithTags]) => ({
            sourceTag,
            onlyDependOnLibsWithTags,
            ...(sourceTag === 'type:pure' ? { allowedExternalImports: pureDependencies } : {}),
          })),
        },
      ],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { arguments: false, attributes: false } },
      ],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/no-non-null-assertion': 'error',
      'max-params': ['error', 3],
      eqeqeq: 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportAllDeclaration', message: 'Name what is exported: a curated index, no `export *`.' },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'exit', message: 'Only libs/process and a main.ts end the process.' },
      ],
    },
  },
  {
    files: ['**/main.ts', 'libs/process/src/**/*.ts', 'tools/**/*.ts', 'e2e/**/*.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: pureSources,
    ignores: tests,
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*'], message: 'A pure library has no I/O: no Node built-ins.' }] },
      ],
      'no-restricted-globals': [
        'error',
        ...['process', 'setTimeout', 'setInterval', 'fetch', 'console'].map((name) => ({
          name,
          message: 'A pure library has no I/O.',
        })),
        { name: 'Date', message: 'A pure library has no clock: take `now` as an argument.' },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'A pure library takes its randomness as an argument.' },
      ],
    },
  },
  { files: tests, rules: { '@typescript-eslint/no-non-null-assertion': 'off', 'max-params': 'off' } },
);
