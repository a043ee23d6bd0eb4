/** A configuration that cannot work. Its message is one line for the user: which variable, what is wrong, the fix. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
