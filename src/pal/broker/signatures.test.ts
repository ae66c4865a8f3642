/** Node's functions and WebCrypto say the same about every signature. */

import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import { type Algorithm, verifyByWebCrypto } from '../../attestation/verifier/x509/subtle.ts';
import { verifySynchronously } from './signatures.ts';

const message = new TextEncoder().encode('what was signed');
const spkiOf = (key: KeyObject): Uint8Array => new Uint8Array(key.export({ format: 'der', type: 'spki' }));
const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));

const [p256, p384, p521] = ['P-256', 'P-384', 'P-521'].map((namedCurve) => generateKeyPairSync('ec', { namedCurve }));
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ed = generateKeyPairSync('ed25519');
const ecdsa = (curve: 'P-256' | 'P-384', hash: Algorithm['hash']): Algorithm => ({ name: 'ECDSA', curve, hash });
const raw = (hash: string, key: KeyObject): Uint8Array => sign(hash, message, { key, dsaEncoding: 'ieee-p1363' });

// biome-ignore format: a table
const GOOD: readonly (readonly [Algorithm, KeyObject, Uint8Array])[] = [
  [ecdsa('P-256', 'SHA-256'), p256.publicKey, raw('sha256', p256.privateKey)],
  [ecdsa('P-256', 'SHA-384'), p256.publicKey, raw('sha384', p256.privateKey)],
  [ecdsa('P-384', 'SHA-384'), p384.publicKey, raw('sha384', p384.privateKey)],
  [{ name: 'RSA-PSS', hash: 'SHA-384', saltLength: 48 },   rsa.publicKey, sign('sha384', message, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 })],
  [{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },         rsa.publicKey, sign('sha256', message, rsa.privateKey)],
];

for (const [algorithm, key, signature] of GOOD) {
  test(`${algorithm.name} ${algorithm.name === 'ECDSA' ? algorithm.curve : ''} ${algorithm.hash}`, async () => {
    const spki = spkiOf(key);
    const both = async (with_: Algorithm, from: Uint8Array, signed: Uint8Array, text: Uint8Array): Promise<boolean> => {
      const [native, web] = [verifySynchronously(with_, from, signed, text), await verifyByWebCrypto(with_, from, signed, text)];
      assert.equal(native, web);
      return web;
    };
    assert.equal(await both(algorithm, spki, signature, message), true);
    for (const at of [0, signature.length >> 1, signature.length - 1]) assert.equal(await both(algorithm, spki, flipped(signature, at), message), false);
    for (const length of [0, 1, signature.length - 1]) assert.equal(await both(algorithm, spki, signature.subarray(0, length), message), false);
    assert.equal(await both(algorithm, spki, new Uint8Array([...signature, 0]), message), false);
    assert.equal(await both(algorithm, spki, signature, flipped(message, 3)), false);
    assert.equal(await both(algorithm, spki, new Uint8Array(signature.length), message), false);
    for (let at = 0; at < spki.length; at++) await both(algorithm, flipped(spki, at), signature, message);
    for (const length of [0, 5, spki.length - 1]) assert.equal(await both(algorithm, spki.subarray(0, length), signature, message), false);
    for (const other of [...GOOD.map(([each]) => each), ecdsa('P-384', 'SHA-256'), { name: 'RSA-PSS', hash: 'SHA-384', saltLength: 32 } as const, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' } as const]) {
      for (const from of [p256, p384, p521, rsa, ed])
        assert.equal(await both(other, spkiOf(from.publicKey), signature, message), other === algorithm && from.publicKey === key, `${JSON.stringify(other)} ${from.publicKey.asymmetricKeyType}`);
    }
  });
}
