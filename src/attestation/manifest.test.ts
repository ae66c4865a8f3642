import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../base/bytes.ts';
import { PrivateKey, randomBytes } from '../crypto/index.ts';
import { canonicalJson } from './canonical.ts';
import { ManifestError, signManifest, verifyManifest } from './manifest.ts';
import type { EnclaveClaims } from './measurement.ts';

const claims: EnclaveClaims = {
  imageRoot: 'ab'.repeat(48),
  imageKind: 'integrity',
  configuration: '01'.repeat(48),
  productId: 7,
  securityVersion: 2,
  debuggable: false,
  entryPoints: ['/bin', '/usr/bin'],
  runtime: '0.1.0',
};

for (const algorithm of ['ES256', 'EdDSA'] as const) {
  test(`${algorithm}: a manifest verifies and survives no flipped bit, no truncation, no addition`, () => {
    const key = PrivateKey.fromPem(PrivateKey.generate(algorithm).pem());
    const manifest = signManifest(claims, key);
    const verified = verifyManifest(manifest);
    assert.deepEqual(verified.claims, claims);
    assert.equal(verified.identity.measurement.length, 48);
    for (let at = 0; at < manifest.length; at++) {
      for (const bit of [1, 0x20, 0x80]) {
        manifest[at] ^= bit;
        assert.throws(() => verifyManifest(manifest), ManifestError, `byte ${at} bit ${bit}`);
        manifest[at] ^= bit;
      }
      assert.throws(() => verifyManifest(manifest.subarray(0, at)), ManifestError);
    }
    const longer = new Uint8Array(manifest.length + 1);
    longer.set(manifest);
    longer[manifest.length] = 10;
    assert.throws(() => verifyManifest(longer), ManifestError);
  });
}

test('the measurement depends on every claim and on nothing else', () => {
  const key = PrivateKey.generate('EdDSA');
  const measurement = (changed: Partial<EnclaveClaims>, signer = key): string => toHex(verifyManifest(signManifest({ ...claims, ...changed }, signer)).identity.measurement);
  const base = measurement({});
  assert.equal(measurement({}, PrivateKey.generate('ES256')), base);
  const changes: Partial<EnclaveClaims>[] = [
    { imageRoot: toHex(randomBytes(48)) },
    { imageKind: 'encrypted' },
    { configuration: toHex(randomBytes(48)) },
    { productId: 8 },
    { securityVersion: 3 },
    { debuggable: true },
    { entryPoints: ['/bin'] },
    { runtime: '0.1.1' },
  ];
  for (const change of changes) assert.notEqual(measurement(change), base, JSON.stringify(change));
});

test('canonical JSON refuses what has two encodings', () => {
  assert.equal(canonicalJson({ b: [1, true], a: 'é' }), '{"a":"é","b":[1,true]}');
  assert.throws(() => canonicalJson(1.5), RangeError);
  assert.throws(() => canonicalJson('\ud800'), RangeError);
  for (let code = 0; code < 0x180; code++) assert.equal(canonicalJson(`a${String.fromCharCode(code)}`), JSON.stringify(`a${String.fromCharCode(code)}`));
});
