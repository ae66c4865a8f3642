/** The interpreter: a slow and obvious engine, the oracle for the translator. */

import { InterpreterEngine } from './engine.ts';

export { InterpreterEngine, type InterpreterOptions } from './engine.ts';
export const interpreterEngine = new InterpreterEngine();
