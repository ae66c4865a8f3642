/** Words of people and of shells. */

/** As a word of a shell's command line. */
export const quoted = (word: string): string => (/^[\w./@%+=:,~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** What an error of the host says, without the names that Node gives it: of `ENOENT: no such file or directory, scandir '/x'` the middle. */
export const reasonOf = (error: unknown): string => /^(?:.*?: )??E[A-Z0-9]+: (.*?)(?:, [a-z]+(?: .*)?)?$/.exec((error as Error).message)?.[1] ?? (error as Error).message;
