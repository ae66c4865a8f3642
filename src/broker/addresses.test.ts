import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, type Network, parseAddress, parseNetwork, peerGroup } from './addresses.ts';

test('addresses are read in every form that they are written in, and nothing else is', () => {
  // biome-ignore format: a table
  const same = [
    ['192.0.2.1', '::ffff:192.0.2.1', '::FFFF:c000:0201', '0:0:0:0:0:ffff:192.0.2.1'],
    ['2001:db8::1', '2001:DB8:0:0:0:0:0:1', '2001:0db8::0:1', '2001:db8::0.0.0.1', '2001:db8::1%eth0'],
    ['::', '0:0:0:0:0:0:0:0', '0::', '::0'],
    ['fe80::', 'fe80:0::0'],
  ];
  for (const [first, ...others] of same) {
    assert.notEqual(parseAddress(first), undefined, first);
    for (const other of others) assert.deepEqual(parseAddress(other), parseAddress(first), other);
  }
  for (const wrong of [
    '',
    'here',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '1.2.3.',
    '01x.2.3.4',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    '::1.2.3',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '[::1]',
  ])
    assert.equal(parseAddress(wrong), undefined, wrong);
  for (const wrong of ['1.2.3.4/33', '::/129', '1.2.3.4/', '/8', '1.2.3.4/-1', '1.2.3.4/8/8', 'x/8']) assert.equal(parseNetwork(wrong), undefined, wrong);
});

test('what a proxy says counts only from one that is trusted, and only what it says itself', () => {
  const trusted = ['10.0.0.0/8', '2001:db8:1::/48', '192.0.2.7'].map(parseNetwork) as Network[];
  // biome-ignore format: a table
  const rows: readonly (readonly [peer: string, forwarded: string | undefined, client: string])[] = [
    ['198.51.100.1',      undefined,                            '198.51.100.1'],
    ['198.51.100.1',      '203.0.113.9',                        '198.51.100.1'],
    ['10.1.2.3',          '203.0.113.9',                        '203.0.113.9'],
    ['::ffff:10.1.2.3',   '203.0.113.9',                        '203.0.113.9'],
    ['::ffff:198.51.100.1', '203.0.113.9',                      '198.51.100.1'],
    ['2001:db8:1:5::1',   '2001:db8:9::1',                      '2001:db8:9::1'],
    ['2001:db8:2::1',     '203.0.113.9',                        '2001:db8:2::1'],
    ['10.1.2.3',          'forged, 1.1.1.1, 203.0.113.9',       '203.0.113.9'],
    ['10.1.2.3',          '1.1.1.1, 203.0.113.9, 192.0.2.7, 10.9.9.9', '203.0.113.9'],
    ['10.1.2.3',          '203.0.113.9:4711',                   '203.0.113.9'],
    ['10.1.2.3',          '[2001:db8:9::1]:4711',               '2001:db8:9::1'],
    ['10.1.2.3',          undefined,                            '10.1.2.3'],
    ['10.1.2.3',          '1.1.1.1, nobody',                    '10.1.2.3'],
    ['10.1.2.3',          '1.1.1.1, , 10.0.0.1',                '10.0.0.1'],
    ['here',              '1.1.1.1',                            'here'],
  ];
  for (const [peer, forwarded, client] of rows) assert.equal(clientOf(peer, forwarded, trusted), client, `${peer}: ${forwarded}`);
  assert.equal(clientOf('10.1.2.3', '1.1.1.1', []), '10.1.2.3');
});

test('a client of IPv6 is its network, one of IPv4 its address', () => {
  assert.equal(peerGroup('2001:db8::1'), peerGroup('2001:db8:0:0:ffff::2'));
  assert.notEqual(peerGroup('2001:db8:0:1::1'), peerGroup('2001:db8:0:2::1'));
  assert.notEqual(peerGroup('192.0.2.1'), peerGroup('192.0.2.2'));
  assert.equal(peerGroup('here'), 'here');
});
