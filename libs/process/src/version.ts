/** Version of the project, as its package.json says. */
export const version = 'v0.1.0';
