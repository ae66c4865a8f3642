import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AF_INET, AF_INET6, AF_UNIX } from '../../abi/socket.ts';
import { fromHex, toHex } from '../../base/bytes.ts';
import { EAFNOSUPPORT, EINVAL } from '../errno.ts';
import { type Address, formatAddress, LOOPBACK6, parseAddress, UNNAMED } from './address.ts';

const CASES: readonly (readonly [hex: string, address: Address])[] = [
  ['0100', UNNAMED],
  ['01002f612f6200', { family: AF_UNIX, name: '/a/b' }],
  ['0100006162', { family: AF_UNIX, name: '\0ab' }],
  ['02001f907f0000010000000000000000', { family: AF_INET, host: 0x7f000001, port: 8080 }],
  ['0a0000500000000000000000000000000000000000000001' + '00000000', { family: AF_INET6, host: LOOPBACK6, port: 80 }],
  ['0a0000500000000000000000000000000000ffff7f000001' + '00000000', { family: AF_INET6, host: 0x7f000001, port: 80 }],
];

test('addresses are read and written as they are', () => {
  for (const [hex, address] of CASES) {
    assert.deepEqual(parseAddress(fromHex(hex)), address, hex);
    assert.equal(toHex(formatAddress(address)), hex);
  }
});

test('a path ends at its NUL, or where the address ends', () => {
  assert.deepEqual(parseAddress(fromHex('01006162')), { family: AF_UNIX, name: 'ab' });
  assert.deepEqual(parseAddress(fromHex('01006162006364')), { family: AF_UNIX, name: 'ab' });
});

test('addresses that are too short, too long or of no known family are refused', () => {
  const refused = (hex: string, error: unknown): void =>
    assert.throws(
      () => parseAddress(fromHex(hex)),
      (thrown) => thrown === error,
    );
  refused('02', EINVAL);
  refused('02001f90', EINVAL);
  refused('0a00', EINVAL);
  refused(`0100${'61'.repeat(109)}`, EINVAL);
  refused('1000000000000000', EAFNOSUPPORT);
});
