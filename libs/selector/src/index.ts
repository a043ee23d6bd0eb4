export { SelectorIndex } from './selector-index.ts';
export type { MatchChange, ScopedLabels, ScopedSelector } from './selector-index.ts';
export { compileSelector } from './selector.ts';
export type {
  Compiled,
  LabelExpression,
  Labels,
  LabelSelector,
  Operator,
  Requirement,
  Selector,
  SelectorError,
} from './selector.ts';
