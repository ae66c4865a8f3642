export { nearest } from './nearest.ts';
export { ConfigurationError, type ConfigurationProblem, parseConfiguration } from './parse.ts';
export { type Configuration, defaultFile, formatSize, jsonSchema } from './schema.ts';
