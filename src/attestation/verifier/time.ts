/** Times as people write them, in UTC unless they say otherwise. */

import { UnreadableError } from './verdict.ts';

const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):?(\d\d))?)?$/i;

/** Milliseconds since 1970 of a date, or a date and time (RFC 3339; without a zone it is UTC). NaN for any other text, and for a day or hour that there is not. */
export function instantOf(text: string): number {
  const match = DATE.exec(text);
  if (match === null) return Number.NaN;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((digits) => Number(digits ?? 0));
  const milliseconds = Math.floor(Number(`0.${match[7] ?? 0}`) * 1000);
  const [zoneHour, zoneMinute] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second, milliseconds));
  // What does not come back was moved: 30 February is no 2 March.
  const back = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()];
  if (![year, month, day, hour, minute, second].every((part, index) => part === back[index]) || zoneHour > 23 || zoneMinute > 59) return Number.NaN;
  return date.getTime() - (match[8] === '-' ? -1 : 1) * (zoneHour * 60 + zoneMinute) * 60_000;
}

/** A date, a date and time, or seconds or milliseconds since 1970. Throws UnreadableError. */
export function timeOfVerification(text: string): Date {
  const time = /^\d{9,11}$/.test(text) ? Number(text) * 1000 : /^\d{12,14}$/.test(text) ? Number(text) : instantOf(text);
  if (!Number.isFinite(time)) throw new UnreadableError(`${text}: not a time such as 2025-06-20T12:00:00Z, a date that there is, or seconds since 1970`);
  return new Date(time);
}
