/** The time of verification as people write it, in UTC unless they say otherwise. */

import { UnreadableError } from './verdict.ts';

const DATE = /^\d{4}-\d\d-\d\d(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/i;

/** A date, a date and time (RFC 3339; without a zone it is UTC), or seconds or milliseconds since 1970. Throws UnreadableError. */
export function timeOfVerification(text: string): Date {
  const match = DATE.exec(text);
  const time = /^\d{9,11}$/.test(text)
    ? Number(text) * 1000
    : /^\d{12,14}$/.test(text)
      ? Number(text)
      : match === null
        ? Number.NaN
        : Date.parse(match[1] !== undefined && match[2] === undefined ? `${text.replace(' ', 'T')}Z` : text.replace(' ', 'T'));
  if (!Number.isFinite(time)) throw new UnreadableError(`${text}: not a time such as 2025-06-20T12:00:00Z, a date, or seconds since 1970`);
  return new Date(time);
}
