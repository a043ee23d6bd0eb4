export { binaryPath, ensureBinaries, findOnPath, missingBinaries } from './binaries.ts';
export type { BinaryName, BinaryOptions } from './binaries.ts';
export { runCommand } from './command.ts';
export type { CommandOptions } from './command.ts';
export type { LevelContext, PartStatus } from './level.ts';
export { endProcess, isAlive, logTail, startProcess, untilReady } from './process.ts';
export type { ProcessRecord, ProcessSpec, ReadyOptions } from './process.ts';
export { versions } from './versions.ts';
export type { Product } from './versions.ts';
