export { ConfigurationError, type ConfigurationProblem, nearest, parseConfiguration } from './parse.ts';
export { type Configuration, defaultFile, formatSize, jsonSchema } from './schema.ts';
