/** The intermediate representation: nodes, and the builder that lifting writes to. */
export { Builder } from './builder.ts';
export * from './values.ts';
