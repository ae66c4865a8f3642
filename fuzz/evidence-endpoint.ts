/**
 * Fuzz target: what comes in at an enclave's address and back from one. Requests are read or answered with a status, answers
 * are read, waited for or refused, statements are read, absent or refused; nothing else is thrown.
 *
 *     node fuzz/evidence-endpoint.ts [seed] [iterations]
 */

import assert from 'node:assert/strict';
import { EVIDENCE_PATH } from '../src/attestation/formats.ts';
import { evidenceStatement, guestStatement, isNonce, parseStatedClaims, parseStatement, type Stated, type StatedClaims, statedClaims, StatementError } from '../src/attestation/statement.ts';
import { readEvidenceRequest } from '../src/attestation/tls/request.ts';
import { toHex } from '../src/base/bytes.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { AnswerError, MAX_BODY_BYTES, readAnswer } from '../src/pal/tls/answer.ts';
import { parseEvidenceAddress } from '../src/pal/tls/endpoint.ts';
import { fromCommandLine, mutate } from './mutate.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
const text = (value: Uint8Array): string => Buffer.from(value).toString('latin1');
const claims = statedClaims({ measurement: new Uint8Array(48).fill(1), signer: new Uint8Array(48).fill(2), productId: 3, securityVersion: 4, debuggable: false }, 'integrity');
const nonce = 'ab'.repeat(16);
const STATEMENTS = [
  evidenceStatement({ cloister: claims }, nonce, { key: '01'.repeat(32), binding: '02'.repeat(32) }),
  guestStatement(claims, new Uint8Array(64)),
  bytes(JSON.stringify(claims)),
  evidenceStatement({ broker: { key: '03'.repeat(32) } }, nonce),
];
const REQUEST = bytes(`${EVIDENCE_PATH}?nonce=${nonce}`);
const ANSWER = bytes('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n0123456789');
const ADDRESS = bytes('http://[::1]:8443/');

export function fuzz(seed: number, iterations: number): void {
  const random = randomFrom(seed);
  // biome-ignore format: a table
  const targets: readonly (() => unknown)[] = [
    () => { const asked = readEvidenceRequest('GET', text(mutate(REQUEST, random))); if (asked !== undefined && 'nonce' in asked) assert.ok(isNonce(asked.nonce)); },
    () => { const changed = mutate(ANSWER, random); const answer = readAnswer(changed); if (answer !== undefined) assert.ok(answer.length <= changed.length && answer.body.length <= MAX_BODY_BYTES); },
    () => { const changed = mutate(STATEMENTS[random(2)], random); const statement = parseStatement(changed); if (statement?.purpose === 'guest') assert.deepEqual(guestStatement(statement.cloister as StatedClaims, Uint8Array.fromHex(statement.data as string)), changed); },
    () => { const changed = mutate(STATEMENTS[random(2) * 3], random); const statement = parseStatement(changed); if (statement?.purpose === 'evidence') assert.equal(toHex(evidenceStatement(statement as Stated, statement.nonce as string, statement.channel)), toHex(changed)); },
    () => parseStatedClaims(mutate(STATEMENTS[2], random)),
    () => { const address = parseEvidenceAddress(text(mutate(ADDRESS, random))); if (address !== undefined) assert.ok(address.port < 65536); },
  ];
  for (let iteration = 0; iteration < iterations; iteration++) {
    try {
      targets[random(targets.length)]();
    } catch (error) {
      if (!(error instanceof AnswerError || error instanceof StatementError)) throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 50_000);
