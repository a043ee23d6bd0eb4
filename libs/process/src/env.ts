import type { z } from 'zod';

import { commonEnvSchema } from './common-env.ts';
import type { CommonEnv } from './common-env.ts';
import { ConfigError } from './config-error.ts';

/** Environment variables whose values never appear in a message. */
const secretName = /SECRET|TOKEN|PASSWORD|_KEY$/;

/**
 * Parses the environment by the service's schema and the common one. An empty variable counts as unset, as an empty
 * value in a manifest means "the default".
 * @throws ConfigError naming every bad variable, its value and what it must be, in one line.
 */
export function parseEnv<S extends z.ZodObject>(
  schema: S,
  raw: Readonly<Record<string, string | undefined>>,
): z.output<S> & CommonEnv {
  const env = Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== undefined && value !== ''));
  const own = schema.safeParse(env);
  const common = commonEnvSchema.safeParse(env);
  const issues = [...(own.error?.issues ?? []), ...(common.error?.issues ?? [])];
  if (!own.success || !common.success) throw new ConfigError(issues.map((issue) => describe(issue, env)).join('; '));
  return { ...common.data, ...own.data };
}

function describe(issue: z.core.$ZodIssue, env: Readonly<Record<string, string | undefined>>): string {
  const name = issue.path.map(String).join('.');
  const value = env[name];
  const problem = issue.message.replace(/^(Invalid|Too)\b/, (word) => word.toLowerCase()).replaceAll('\n', ' ');
  if (value === undefined) return `environment variable ${name} is missing; set it`;
  const shown = secretName.test(name) ? 'its value (hidden)' : JSON.stringify(value);
  return `environment variable ${name}: ${shown} is no good: ${problem}`;
}
