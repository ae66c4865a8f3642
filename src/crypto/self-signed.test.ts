import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { selfSignedCertificate } from './self-signed.ts';
import { PrivateKey } from './sign.ts';

test('OpenSSL reads the certificate, its names and its signature', () => {
  // Signatures and serial numbers are random: their encodings differ in length now and then.
  for (let round = 0; round < 64; round++) {
    const key = PrivateKey.generate('ES256');
    const certificate = new X509Certificate(
      selfSignedCertificate(key, { commonName: 'Cloister broker', names: ['localhost', 'kbs.example', '127.0.0.1', '::1', 'fe80::1:2'], notBefore: Date.UTC(2026, 0, 1), notAfter: Date.UTC(2060, 0, 1) }),
    );
    assert.ok(certificate.verify(certificate.publicKey));
    assert.deepEqual(new Uint8Array(certificate.publicKey.export({ format: 'der', type: 'spki' })), new Uint8Array(key.publicKey.spki()));
    assert.equal(certificate.checkHost('kbs.example'), 'kbs.example');
    assert.equal(certificate.checkHost('other.example'), undefined);
    for (const address of ['127.0.0.1', '::1', 'fe80::1:2']) assert.equal(certificate.checkIP(address), address);
    assert.equal(certificate.validTo, 'Jan  1 00:00:00 2060 GMT');
    assert.ok(!certificate.ca, 'rustls takes no authority for a server');
  }
  assert.throws(() => selfSignedCertificate(PrivateKey.generate('EdDSA'), { commonName: 'x', names: [], notBefore: 0, notAfter: 1 }), RangeError);
});
