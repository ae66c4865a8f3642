/** WebAssembly modules as bytes: a writer, function bodies, modules. */
export { FunctionBody, VALUE_TYPE } from './code.ts';
export { type Limits, ModuleBuilder } from './module.ts';
export { ByteWriter } from './writer.ts';
