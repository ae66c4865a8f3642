/** A module that is started on its own; it lies beside this one, in the sources, compiled or bundled, and is named alike. */
export const entry = (name: 'worker' | 'daemon' | 'counters' | 'quotes'): URL => new URL(`./${name}${/\.[cjt]+s$/.exec(import.meta.url)?.[0]}`, import.meta.url);
