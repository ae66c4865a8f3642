export type { BomOptions } from './bom.ts';
export { type BuildImageOptions, type BuiltImage, buildImage } from './build.ts';
export type { DependencyAddition } from './dependencies.ts';
export { ImageBuildError, type ImageBuildErrorCode } from './errors.ts';
export { DEFAULT_EPOCH } from './source.ts';
