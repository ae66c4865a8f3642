/**
 * JSON that is signed as bytes. Intel signs the text of one member of the response exactly as it is sent, so the span
 * of that member is cut out of the text; parsing and writing it again would be other bytes.
 */

import { UnreadableError } from './verdict.ts';

const WHITE = /[ \t\r\n]/;

/** End of the JSON value that starts at `at` in a text that is known to be JSON. */
function endOfValue(text: string, at: number): number {
  if (text[at] === '"') {
    let end = at + 1;
    while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
    return end + 1;
  }
  if (text[at] !== '{' && text[at] !== '[') {
    let end = at;
    while (end < text.length && !/[,\]}\s]/.test(text[end])) end++;
    return end;
  }
  let depth = 0;
  for (let end = at; ; end++) {
    const letter = text[end];
    if (letter === '"') end = endOfValue(text, end) - 1;
    else if (letter === '{' || letter === '[') depth++;
    else if ((letter === '}' || letter === ']') && --depth === 0) return end + 1;
  }
}

/** The members of a JSON object as the text of each. Throws UnreadableError for other text and for a member that is there twice. */
export function memberTexts(text: string): Map<string, string> {
  try {
    JSON.parse(text);
  } catch {
    throw new UnreadableError('not JSON');
  }
  let at = 0;
  const skip = (): void => {
    while (at < text.length && WHITE.test(text[at])) at++;
  };
  skip();
  if (text[at++] !== '{') throw new UnreadableError('not a JSON object');
  const members = new Map<string, string>();
  for (skip(); text[at] === '"'; skip()) {
    const keyEnd = endOfValue(text, at);
    const key = JSON.parse(text.slice(at, keyEnd)) as string;
    at = keyEnd;
    skip();
    at++; // The colon.
    skip();
    const end = endOfValue(text, at);
    if (members.has(key)) throw new UnreadableError(`member ${JSON.stringify(key)} is there twice`);
    members.set(key, text.slice(at, end));
    at = end;
    skip();
    if (text[at] === ',') at++;
  }
  return members;
}
