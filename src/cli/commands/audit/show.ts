import { answerOf, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson, value } from '../../command.ts';
import { table } from '../../table.ts';

interface Entry {
  readonly seq: number;
  readonly at: number;
  readonly event: string;
  readonly subject: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

const short = (text: string): string => text.replace(/\b([0-9a-f]{12})[0-9a-f]{52,}\b/g, '$1…');

function detailOf({ why, failures, ...rest }: Entry['detail']): string {
  const reasons = (why ?? failures) as string | readonly string[] | undefined;
  if (reasons !== undefined) return short(typeof reasons === 'string' ? reasons : reasons.join('; '));
  return short(
    Object.entries(rest)
      .map(([name, part]) => `${name} ${typeof part === 'object' ? JSON.stringify(part) : String(part)}`)
      .join(', '),
  );
}

export const command: Command = {
  usage: 'audit show [NUMBER] [OPTIONS]',
  doc: 'Shows what happened to your resources and who was refused why, newest last; admins see all. With NUMBER: one entry.',
  options: [{ flag: '--limit N', doc: 'How many: 50 otherwise, at most 1000.' }, { flag: '--proof', doc: 'With NUMBER: also what proves that the entry is in the log, as JSON for audit verify.' }, ...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister audit show --state ./kbs', 'cloister audit show 42 --proof --state ./kbs > proof.json'],
  operands: [0, 1],
  async run(invocation) {
    const [number] = invocation.operands;
    if (number !== undefined) {
      const proven = await withBroker(invocation, (remote) => answerOf(remote, 'GET', `/cloister/v0/audit/${encodeURIComponent(number)}`));
      printJson(flag(invocation, 'proof') ? proven : proven.entry);
      return 0;
    }
    const entries: Entry[] = await withBroker(invocation, (remote) => answerOf(remote, 'GET', `/cloister/v0/audit?limit=${encodeURIComponent(value(invocation, 'limit') ?? '50')}`));
    entries.reverse();
    if (flag(invocation, 'json')) printJson(entries);
    else
      process.stdout.write(
        table(
          ['entry', 'time', 'event', 'about', 'detail'],
          entries.map((entry) => [entry.seq, new Date(entry.at).toISOString().slice(0, 19), entry.event, short(entry.subject), detailOf(entry.detail)]),
        ),
      );
    return 0;
  },
};
