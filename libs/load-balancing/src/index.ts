export { plan } from './plan.ts';
export type { Plan, PlanInput, PlannedGroup, PlannedMachine } from './plan.ts';
