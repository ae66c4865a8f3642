/** The intermediate representation: nodes, and the builder that lifting writes to. */
export { Builder } from './builder.ts';
export { printBlock, registerName } from './print.ts';
export * from './values.ts';
export { verifyBlock } from './verify.ts';
