import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { flattenedDecrypt, importJWK } from 'jose';
import { encryptJwe, fromBase64url, JweError, RecipientKey, recipientOf, type FlattenedJwe, type RecipientJwk } from './jwe.ts';

const SECRET = new TextEncoder().encode('the data key of the hospital');

/** What a client in Rust does: parses the header, writes it with `alg` and `enc` first and the rest sorted, and authenticates that. */
function reserialized(jwe: FlattenedJwe): string {
  const sorted = (value: unknown): unknown =>
    typeof value === 'object' && value !== null
      ? Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, inner]) => [key, sorted(inner)]),
        )
      : value;
  const { alg, enc, ...others } = JSON.parse(new TextDecoder().decode(fromBase64url(jwe.protected)));
  return Buffer.from(JSON.stringify({ alg, enc, ...(sorted(others) as object) })).toString('base64url');
}

for (const [name, curve] of [
  ['P-256', 'prime256v1'],
  ['P-521', 'secp521r1'],
  ['RSA', undefined],
] as const) {
  test(`${name}: another implementation opens it, and its header survives being written anew`, async () => {
    const { publicKey, privateKey } = curve === undefined ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve: curve });
    const alg = curve === undefined ? 'RSA-OAEP-256' : 'ECDH-ES+A256KW';
    const recipient = recipientOf({ ...publicKey.export({ format: 'jwk' }), alg });
    const jwe = encryptJwe(recipient, SECRET);
    assert.equal(reserialized(jwe), jwe.protected);
    const opened = await flattenedDecrypt(jwe, await importJWK({ ...privateKey.export({ format: 'jwk' }), alg }, alg));
    assert.deepEqual(new Uint8Array(opened.plaintext), SECRET);
  });
}

test('a client opens what was made for it, and nothing with a character changed', () => {
  const key = new RecipientKey();
  const jwe = encryptJwe(recipientOf(JSON.parse(JSON.stringify(key.publicJwk))), SECRET);
  assert.deepEqual(key.decrypt(jwe), SECRET);
  assert.throws(() => new RecipientKey().decrypt(jwe), JweError);
  for (const [name, text] of Object.entries(jwe)) {
    const other = text.startsWith('A') ? `B${text.slice(1)}` : `A${text.slice(1)}`;
    assert.throws(() => key.decrypt({ ...jwe, [name]: other }), JweError, name);
    assert.throws(() => key.decrypt({ ...jwe, [name]: text.slice(0, -4) }), JweError, name);
  }
});

test('keys that nothing may be encrypted to are refused', () => {
  const { publicJwk } = new RecipientKey();
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
  const strong = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
  const refused: unknown[] = [
    null,
    'key',
    {},
    { ...publicJwk, kty: 'oct' },
    { ...publicJwk, alg: 'ECDH-ES' },
    { ...publicJwk, alg: 'dir' },
    { ...publicJwk, crv: 'secp256k1' },
    { ...publicJwk, crv: 'toString' },
    { ...publicJwk, y: publicJwk.x },
    { ...publicJwk, x: `${publicJwk.x}AA` },
    { ...publicJwk, x: publicJwk.x.slice(0, -2) },
    { ...publicJwk, x: 7 },
    { ...weak, alg: 'RSA-OAEP-256' },
    { ...strong, alg: 'RSA1_5' },
    { ...strong, alg: 'RSA-OAEP' },
  ];
  for (const jwk of refused) assert.throws(() => recipientOf(jwk), JweError, JSON.stringify(jwk));
  const accepted: RecipientJwk = recipientOf({ ...publicJwk, use: 'enc' });
  assert.deepEqual(accepted, publicJwk);
});
