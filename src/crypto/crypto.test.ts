import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { bytesOf, fromHex, toHex } from '../base/bytes.ts';
import { AeadKey, hkdfSha256, hmacSha256, KeyError, PrivateKey, PublicKey, randomBytes, sha256, sha256Hasher, sha384, wipe } from './index.ts';

test('AES-256-GCM: test cases 13 and 14 of the GCM specification', () => {
  const key = new AeadKey(new Uint8Array(32));
  const tag = new Uint8Array(16),
    nonce = new Uint8Array(12);
  assert.equal(key.seal(nonce, new Uint8Array(0), undefined, tag).length, 0);
  assert.equal(toHex(tag), '530f8afbc74536b9a963b4f1c4cb738b');
  assert.equal(toHex(key.seal(nonce, new Uint8Array(16), undefined, tag)), 'cea7403d4d606b6e074ec5d3baf39d18');
  assert.equal(toHex(tag), 'd0d1c8a799996bf0265b98b5d48ab919');
});

test('AES-256-GCM: opens what was sealed, and nothing else', () => {
  const key = new AeadKey(randomBytes(32));
  const nonce = randomBytes(12),
    plaintext = randomBytes(100),
    additional = bytesOf('about'),
    tag = new Uint8Array(16);
  const ciphertext = key.seal(nonce, plaintext, additional, tag);
  assert.deepEqual(new Uint8Array(key.open(nonce, ciphertext, additional, tag)!), plaintext);
  for (const part of [nonce, ciphertext, additional, tag]) {
    part[3] ^= 1;
    assert.equal(key.open(nonce, ciphertext, additional, tag), undefined);
    part[3] ^= 1;
  }
  assert.equal(key.open(nonce, ciphertext, undefined, tag), undefined);
  assert.equal(key.open(nonce, ciphertext, additional, tag.subarray(0, 12)), undefined);
  assert.equal(new AeadKey(randomBytes(32)).open(nonce, ciphertext, additional, tag), undefined);
  assert.throws(() => new AeadKey(new Uint8Array(16)), RangeError);
});

test('SHA-256, SHA-384, HMAC (RFC 4231 case 2), HKDF (RFC 5869 case 3)', () => {
  assert.equal(toHex(sha256(bytesOf('abc'))), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  assert.equal(toHex(sha384(bytesOf('abc'))), 'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7');
  const hasher = sha256Hasher();
  hasher.update(bytesOf('a'));
  hasher.update(bytesOf('bc'));
  assert.deepEqual(hasher.digest(), sha256(bytesOf('abc')));
  assert.equal(toHex(hmacSha256(bytesOf('Jefe'), bytesOf('what do ya want for nothing?'))), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
  assert.equal(toHex(hkdfSha256(new Uint8Array(22).fill(11), new Uint8Array(0), '', 42)), '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8');
});

test('Ed25519: test 1 of RFC 8032', () => {
  const der = Buffer.from(fromHex('302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'));
  const key = PrivateKey.fromPem(`-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`);
  assert.equal(key.publicKey.algorithm, 'EdDSA');
  assert.equal(toHex(key.sign(new Uint8Array(0))), 'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b');
});

for (const algorithm of ['ES256', 'EdDSA'] as const) {
  test(`${algorithm}: signs and verifies, through PEM and SPKI`, () => {
    const key = PrivateKey.fromPem(PrivateKey.generate(algorithm).pem());
    const message = bytesOf('message');
    const signature = key.sign(message);
    assert.equal(signature.length, 64);
    const publicKey = PublicKey.fromSpki(key.publicKey.spki());
    assert.equal(publicKey.verify(message, signature), true);
    assert.equal(publicKey.verify(bytesOf('massage'), signature), false);
    signature[10] ^= 1;
    assert.equal(publicKey.verify(message, signature), false);
    assert.equal(publicKey.verify(message, signature.subarray(1)), false);
    assert.equal(PrivateKey.generate(algorithm).publicKey.verify(message, key.sign(message)), false);
  });
}

test('keys that do not serve are refused with what they are', () => {
  const pem = (type: 'rsa' | 'p384'): string => (type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve: 'P-384' })).privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  assert.throws(
    () => PrivateKey.fromPem(pem('rsa')),
    (error) => error instanceof KeyError && /this is rsa/.test(error.message),
  );
  assert.throws(
    () => PrivateKey.fromPem(pem('p384')),
    (error) => error instanceof KeyError && /secp384r1/.test(error.message),
  );
  assert.throws(() => PrivateKey.fromPem(PrivateKey.generate('ES256').publicKey.pem()), /public key/);
  assert.throws(() => PrivateKey.fromPem('nonsense'), KeyError);
  assert.throws(() => PublicKey.fromSpki(randomBytes(91)), KeyError);
  const encrypted = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }) as string;
  assert.throws(() => PrivateKey.fromPem(encrypted), /passphrase/);
});

test("random bytes are given out once, and are their owner's", () => {
  const drawn = Array.from({ length: 5000 }, () => randomBytes(16));
  assert.equal(new Set(drawn.map(toHex)).size, drawn.length);
  assert.equal(new Set(drawn.map(({ buffer }) => buffer)).size, drawn.length);
  const lengths = [0, 1, 255, 256, 257, 5000];
  assert.deepEqual(
    lengths.map((length) => randomBytes(length).length),
    lengths,
  );
  // Fourteen standard deviations: a bit that is stuck.
  for (let bit = 0; bit < 128; bit++) {
    const set = drawn.filter((bytes) => (bytes[bit >> 3] >> (bit & 7)) & 1).length;
    assert.ok(set > 2000 && set < 3000, `bit ${bit}: ${set}`);
  }
});

test('wiping', () => {
  const secret = randomBytes(8);
  wipe(secret);
  assert.deepEqual(secret, new Uint8Array(8));
});
