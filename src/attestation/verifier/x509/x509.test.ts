/** The reader of certificates against the one of OpenSSL, and DER that has a second encoding. */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { knownAuthorities, pinnedRoots } from '../trust.ts';
import { hasKeyUsage, isAuthority, keyKind, verifySigned } from './certificate.ts';
import { DerError, integerBytes, oidOf, readDer, smallInteger, TAG, timeOf } from './der.ts';
import { fromBase64, pemBlocks, pemChain } from './pem.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

test('the built-in certificates read as OpenSSL reads them, and hold under one another', async () => {
  const all = [...pinnedRoots(), ...knownAuthorities()];
  assert.equal(all.length, 10);
  for (const certificate of all) {
    const oracle = new X509Certificate(certificate.raw);
    assert.equal(certificate.commonName, /CN=([^\n]+)/.exec(oracle.subject)?.[1]);
    assert.equal(BigInt(`0x${certificate.serial}`), BigInt(`0x${oracle.serialNumber}`));
    assert.equal(certificate.notBefore, oracle.validFromDate.getTime());
    assert.equal(certificate.notAfter, oracle.validToDate.getTime());
    assert.deepEqual(Buffer.from(certificate.spki), oracle.publicKey.export({ format: 'der', type: 'spki' }));
    assert.equal(isAuthority(certificate), oracle.ca);
    assert.equal(hasKeyUsage(certificate, 5), true);
    assert.equal(keyKind(certificate.spki), oracle.publicKey.asymmetricKeyType === 'ec' ? 'P-256' : 'RSA');
    const issuers = all.filter((issuer) => oracle.checkIssued(new X509Certificate(issuer.raw)));
    assert.equal(issuers.length, 1);
    for (const issuer of all) assert.equal(await verifySigned(certificate, issuer.spki), issuer === issuers[0], `${certificate.commonName} under ${issuer.commonName}`);
  }
});

// biome-ignore format: a table
const REFUSED: readonly (readonly [what: string, read: () => unknown])[] = [
  ['length of two bytes where one does',   () => readDer(bytes('30810100'), TAG.sequence)],
  ['leading zero of a length',             () => readDer(bytes('3082000100'), TAG.sequence)],
  ['indefinite length',                    () => readDer(bytes('3080020105' + '0000'), TAG.sequence)],
  ['trailing byte',                        () => readDer(bytes('300000'), TAG.sequence)],
  ['truncated',                            () => readDer(bytes('300201'), TAG.sequence)],
  ['long tag',                             () => readDer(bytes('3f8100'), 0x3f)],
  ['padded integer',                       () => integerBytes(readDer(bytes('02020001'), TAG.integer))],
  ['empty integer',                        () => integerBytes(readDer(bytes('0200'), TAG.integer))],
  ['negative small integer',               () => smallInteger(readDer(bytes('0201ff'), TAG.integer))],
  ['padded arc',                           () => oidOf(readDer(bytes('0603' + '2a8001'), TAG.oid))],
  ['time without seconds',                 () => timeOf(readDer(bytes('170b' + Buffer.from('2601011200Z').toString('hex')), TAG.utcTime))],
  ['30th of February',                     () => timeOf(readDer(bytes('170d' + Buffer.from('260230120000Z').toString('hex')), TAG.utcTime))],
];
for (const [what, read] of REFUSED) test(`DER: ${what} is refused`, () => assert.throws(read, DerError));

test('PEM and base64 have one text for one value', () => {
  assert.equal(fromBase64('QQ=='.replace('QQ', 'QR')), undefined);
  assert.equal(fromBase64('QQ='), undefined);
  assert.deepEqual(fromBase64('QQ'), Uint8Array.of(65));
  const chain = '-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n';
  for (const end of ['', '\n', '\n\0']) assert.equal(pemChain(Buffer.from(`${chain}${chain.trimEnd()}${end}`))?.length, 2);
  const long = Buffer.alloc(100, 7).toString('base64');
  const written = (width: number): Buffer => Buffer.from(chain.replace('QUJD', long.replace(new RegExp(`.{${width}}`, 'g'), '$&\n')));
  assert.deepEqual(
    [60, 64, 65, 76].map((width) => pemChain(written(width))?.length),
    [undefined, 1, undefined, 1],
  );
  for (const bad of [
    `${chain}x`,
    `\n${chain}`,
    `${chain}\n`,
    `${chain}\0\0`,
    `${chain}\n${chain}`,
    chain.replaceAll('\n', '\r\n'),
    chain.replace('QUJD', 'QUJ'),
    chain.replace('END', 'EMD'),
    chain.replace('\n', '\v'),
    chain.replaceAll('CERTIFICATE', 'PUBLIC KEY'),
    '',
  ])
    assert.equal(pemChain(Buffer.from(bad)), undefined, bad);
  assert.equal(pemBlocks('no PEM')?.length, 0);
  for (const form of ['\r\n', '\n    ', '', ' ', '\\n', '\\r\\n', '\n\n']) {
    const [first, second, ...rest] = pemBlocks(`text ${chain}${chain}`.replaceAll('\n', form)) ?? [];
    assert.deepEqual([first?.der, second?.label, rest], [new Uint8Array(Buffer.from('ABC')), 'CERTIFICATE', []], JSON.stringify(form));
    if (form !== '') assert.equal(pemChain(Buffer.from(chain.replaceAll('\n', form))), undefined, 'a chain in a quote is written in one way');
  }
  for (const bad of [chain.replace('QUJD', 'QU*D'), chain.replace('END', 'EMD'), chain.replace('QUJD', ''), `${chain}-----BEGIN CERTIFICATE-----\n`]) assert.equal(pemBlocks(bad), undefined, bad);
});
