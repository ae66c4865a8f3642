import type { SignedHead } from '../../../broker/index.ts';
import { verifyExport, verifyProven } from '../../../broker/index.ts';
import { KeyError, PublicKey } from '../../../crypto/index.ts';
import { Failure } from '../../../libos/failure.ts';
import { readKeyFile } from '../../../libos/sealed.ts';
import { readInput } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson, value } from '../../command.ts';

const UNREADABLE = 2;

const text = (file: string): string => new TextDecoder().decode(readInput(file));

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Of an export, whose last line it is, or of an entry with its proof, in however many lines. */
function headOf(file: string): SignedHead {
  const content = text(file);
  for (const value of [parsed(content), parsed(content.trimEnd().split('\n').at(-1) as string)] as ({ head?: SignedHead } | SignedHead | null | undefined)[]) {
    const head = value !== null && typeof value === 'object' && 'head' in value ? value.head : (value as SignedHead | undefined);
    if (Number.isSafeInteger(head?.size) && typeof head?.root === 'string' && typeof head.signature === 'string') return head;
  }
  throw new Failure('usage', `${file} holds no signed head`, 'An earlier export will do, or one entry with its proof.');
}

function auditKey(file: string): string {
  const pem = readKeyFile(file, 'audit key');
  try {
    return PublicKey.fromPem(pem).pem();
  } catch (error) {
    throw error instanceof KeyError ? new Failure('key', `${file}: ${error.message}`, 'The broker shows its audit key as auditKey in: cloister broker status --json') : error;
  }
}

export const command: Command = {
  usage: 'audit verify FILE [OPTIONS]',
  doc: 'Verifies an export of the audit log, or one entry with its proof (audit show --proof), without the broker: every entry, the chain, the tree and\nits signature. Exit code 0 where all of it holds, 1 where something does not, 2 where FILE cannot be read or is neither.',
  options: [
    { flag: '--key FILE', doc: "The broker's audit key that you expect (PEM); without it, any key will do that the log names." },
    { flag: '--since FILE', doc: 'An earlier export, or an entry with its proof: the log must have grown from its head.' },
    JSON_OPTION,
  ],
  examples: ['cloister audit verify audit.jsonl --key audit-key.pem', 'cloister audit verify audit.jsonl --since last-month.jsonl'],
  operands: [1, 1],
  async run(invocation) {
    let content: string;
    try {
      content = text(invocation.operands[0]);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (flag(invocation, 'json')) printJson({ error: error.message });
      process.stderr.write(`cloister: ${error.message}\n`);
      return UNREADABLE;
    }
    const keyFile = value(invocation, 'key');
    const pinned = keyFile === undefined ? undefined : auditKey(keyFile);
    const since = value(invocation, 'since');
    // An export is several values, each in a line.
    const proven = parsed(content) as { entry?: unknown; proof?: unknown; publicKey?: string } | null | undefined;
    if (proven?.entry !== undefined && proven.proof !== undefined) {
      if (since !== undefined) throw new Failure('usage', 'one entry with its proof does not show how the log has grown', 'Give an export with --since: cloister audit export');
      const holds = verifyProven(proven as Parameters<typeof verifyProven>[0], pinned ?? proven.publicKey ?? '');
      if (flag(invocation, 'json')) printJson({ verified: holds });
      else process.stdout.write(holds ? 'verified: the entry is in the log with that signed head\n' : 'NOT verified: the entry is not in the log with that head, or another key signed it\n');
      return holds ? 0 : 1;
    }
    const { entries, head, publicKey, failures } = verifyExport(content, pinned, since === undefined ? undefined : headOf(since));
    if (flag(invocation, 'json')) printJson({ verified: failures.length === 0, entries: entries.length, head: head ?? null, publicKey, pinned: pinned !== undefined, failures });
    else {
      for (const { code, message } of failures) process.stdout.write(`✗ ${message} (${code})\n`);
      if (failures.length === 0)
        process.stdout.write(`verified: ${entries.length} entries, root ${head?.root}, signed ${new Date(head?.at ?? 0).toISOString()}\n${pinned === undefined ? 'note: by the key that the log names; pin it with --key\n' : ''}`);
    }
    return failures.length === 0 ? 0 : failures.some(({ code }) => code === 'audit-format') ? UNREADABLE : 1;
  },
};
