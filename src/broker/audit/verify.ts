/**
 * Exports of the audit log, and their verification without the broker. An export is JSON lines: a header with the
 * broker's audit key, the entries in order, the signed head.
 */

import { equalBytes, fromHex, toHex } from '../../base/bytes.ts';
import { PublicKey } from '../../crypto/index.ts';
import type { Sql } from '../sql.ts';
import { bytesColumn, numberOf, textOf } from '../sql.ts';
import { type AuditEntry, entryBytes, headBytes, type SignedHead } from './log.ts';
import { appendLeaf, inclusionProof, leafHash, rootOf, verifyInclusion } from './merkle.ts';

export const EXPORT_FORMAT = 'cloister-audit-v1';

export type AuditFault = 'audit-format' | 'audit-key' | 'audit-entry' | 'audit-chain' | 'audit-root' | 'audit-signature';

/** One entry with what proves that it is in the log with that head. */
export interface ProvenEntry {
  readonly entry: AuditEntry;
  readonly proof: readonly string[];
  readonly head: SignedHead;
}

export async function lastHead(sql: Sql): Promise<SignedHead | undefined> {
  const [row] = await sql.query('SELECT head FROM audit_heads ORDER BY size DESC LIMIT 1');
  return row === undefined ? undefined : (JSON.parse(textOf(row, 'head')) as SignedHead);
}

export async function exportLog(sql: Sql, publicKeyPem: string): Promise<string> {
  const head = await lastHead(sql);
  const rows = head === undefined ? [] : await sql.query('SELECT entry FROM audit WHERE seq < $1 ORDER BY seq', head.size);
  return `${[JSON.stringify({ format: EXPORT_FORMAT, publicKey: publicKeyPem }), ...rows.map((row) => textOf(row, 'entry')), JSON.stringify({ head: head ?? null })].join('\n')}\n`;
}

/** `undefined` where there is no such entry. */
export async function proveEntry(sql: Sql, seq: number): Promise<ProvenEntry | undefined> {
  const head = await lastHead(sql);
  if (head === undefined || !Number.isSafeInteger(seq) || seq < 0 || seq >= head.size) return undefined;
  const rows = await sql.query('SELECT seq, leaf FROM audit WHERE seq < $1 ORDER BY seq', head.size);
  const [row] = await sql.query('SELECT entry FROM audit WHERE seq = $1', seq);
  const leaves = rows.map((each) => bytesColumn(each, 'leaf'));
  if (leaves.length !== head.size || numberOf(rows[seq], 'seq') !== seq) throw new Error('the audit log has gaps');
  return { entry: JSON.parse(textOf(row, 'entry')), proof: inclusionProof(leaves, seq).map(toHex), head };
}

export interface VerifiedLog {
  readonly entries: readonly AuditEntry[];
  readonly head: SignedHead | undefined;
  readonly publicKey: string;
  readonly failures: readonly { readonly code: AuditFault; readonly message: string }[];
}

/**
 * Everything that can be wrong with an export, all of it. `pinned` is the audit key that is expected (PEM, SPKI);
 * without it the key in the export is taken at its word, which proves consistency and not who wrote it. `earlier` is a head
 * that was seen before: the log must have grown from it.
 */
export function verifyExport(text: string, pinned?: string, earlier?: SignedHead): VerifiedLog {
  const failures: { code: AuditFault; message: string }[] = [];
  const fail = (code: AuditFault, message: string): void => void failures.push({ code, message });
  const lines = text.trimEnd().split('\n');
  let header: { format?: unknown; publicKey?: unknown };
  let trailer: { head?: SignedHead | null };
  const entries: AuditEntry[] = [];
  try {
    header = JSON.parse(lines[0]);
    trailer = JSON.parse(lines[lines.length - 1]);
    if (header.format !== EXPORT_FORMAT || typeof header.publicKey !== 'string' || lines.length < 2 || trailer.head === undefined) throw new SyntaxError();
  } catch {
    return { entries, head: undefined, publicKey: '', failures: [{ code: 'audit-format', message: 'this is not an export of an audit log' }] };
  }
  const publicKey = header.publicKey as string;
  const same = (pem: string): string => pem.replace(/\s/g, '');
  if (pinned !== undefined && same(pinned) !== same(publicKey)) fail('audit-key', 'the log was written with another audit key than the one that is expected');
  let [peaks, previous]: [Uint8Array[], string] = [[], ''];
  for (const [seq, line] of lines.slice(1, -1).entries()) {
    let entry: AuditEntry;
    let leaf: Uint8Array;
    try {
      entry = JSON.parse(line);
      const bytes = entryBytes(entry);
      if (!equalBytes(bytes, new TextEncoder().encode(line))) throw new SyntaxError();
      leaf = leafHash(bytes);
    } catch {
      fail('audit-entry', `entry ${seq} is not one, or not in its canonical form`);
      continue;
    }
    if (entry.seq !== seq) fail('audit-chain', `entry ${seq} calls itself ${entry.seq}: entries are missing, added or moved`);
    if (entry.previous !== previous) fail('audit-chain', `entry ${seq} does not follow the one before it`);
    peaks = appendLeaf(peaks, seq, leaf);
    if (earlier !== undefined && earlier.size === seq + 1 && toHex(rootOf(peaks)) !== earlier.root) fail('audit-root', `the first ${earlier.size} entries are not those of the earlier head: history was rewritten`);
    previous = toHex(leaf);
    entries.push(entry);
  }
  const head = trailer.head ?? undefined;
  // A broker writes and signs an entry before it answers anybody: a log without either was emptied.
  if (head === undefined) fail('audit-signature', 'there is no signed head: every broker has signed one from its first entry on');
  if (earlier !== undefined && earlier.size > entries.length) fail('audit-root', `the log has ${entries.length} entries, the earlier head had ${earlier.size}: entries were cut off`);
  if (head !== undefined && (entries.length === 0 || head.size !== entries.length || head.root !== toHex(rootOf(peaks)))) fail('audit-root', 'the signed head is not that of these entries');
  for (const [name, each] of [
    ['head', head],
    ['earlier head', earlier],
  ] as const) {
    if (each !== undefined && !verifyHead(each, publicKey)) fail('audit-signature', `the signature of the ${name} is wrong`);
  }
  return { entries, head, publicKey, failures };
}

export function verifyHead(head: SignedHead, publicKeyPem: string): boolean {
  try {
    return PublicKey.fromPem(publicKeyPem).verify(headBytes(head), fromHex(head.signature));
  } catch {
    return false;
  }
}

/** Whether an entry was in the log when its head was signed. */
export function verifyProven({ entry, proof, head }: ProvenEntry, publicKeyPem: string): boolean {
  try {
    return verifyHead(head, publicKeyPem) && verifyInclusion(leafHash(entryBytes(entry)), entry.seq, head.size, proof.map(fromHex), fromHex(head.root));
  } catch {
    return false;
  }
}
