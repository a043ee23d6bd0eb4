// One jest for the workspace: `unit` needs nothing but Node, `integration` starts real processes (built into dist/),
// `real` runs against real parts of others (kube-apiserver, Envoy Gateway, kubelet), which it builds or finds.
const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.nx/'],
};

export default {
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['**/src/**/*.spec.ts'],
      testPathIgnorePatterns: ['\\.(int|real)\\.spec\\.ts$'],
    },
    { ...shared, displayName: 'integration', testMatch: ['**/src/**/*.int.spec.ts'] },
    { ...shared, displayName: 'real', testMatch: ['**/src/**/*.real.spec.ts'] },
  ],
  testTimeout: 60_000,
};
