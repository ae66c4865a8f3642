/** JSON in which every name stands once: of two members with one name, readers take one or the other, and an attacker takes both. */

import { UnreadableError } from './verdict.ts';

/** Deeper than any evidence. */
const MAX_DEPTH = 100;
const WHITE = /[ \t\r\n]/;

/** Behind the text literal that begins at `at`, in a text that is known to be JSON. */
function behindText(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); ; end = text.indexOf('"', end + 1)) {
    let first = end;
    while (text[first - 1] === '\\') first--;
    if ((end - first) % 2 === 0) return end + 1;
  }
}

function refuseTwice(text: string): void {
  /** Names of the objects that are open; of a list, none. */
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (letter === '{' || letter === '[') {
      if (open.push(new Set()) > MAX_DEPTH) throw new UnreadableError('JSON within JSON, too deep');
    } else if (letter === '}' || letter === ']') open.pop();
    else if (letter === '"') {
      const end = behindText(text, at);
      let next = end;
      while (WHITE.test(text[next] ?? '')) next++;
      const names = open.at(-1);
      if (text[next] === ':' && names !== undefined) {
        const name = JSON.parse(text.slice(at, end)) as string;
        if (names.has(name)) throw new UnreadableError(`member ${JSON.stringify(name)} is there twice`);
        names.add(name);
      }
      at = end - 1;
    }
  }
}

/** Throws UnreadableError for a text that is not JSON, for a member that is there twice, and for what is nested too deep. */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UnreadableError('it begins like JSON and is not');
  }
  refuseTwice(text);
  return value;
}
