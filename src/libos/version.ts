/** The version of kernel and translator that is measured. Raised with the package's version. */
export const VERSION = '0.1.0';
export const RUNTIME = `cloister ${VERSION}`;
