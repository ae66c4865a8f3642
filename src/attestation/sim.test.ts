import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalBytes } from '../base/bytes.ts';
import type { HostDirectory } from '../base/host-files.ts';
import { PrivateKey, randomBytes } from '../crypto/index.ts';
import type { EnclaveIdentity } from './measurement.ts';
import { openSimQuote, SimTee } from './sim.ts';

function memoryDirectory(): HostDirectory {
  const files = new Map<string, Uint8Array>();
  return {
    open: () => undefined,
    list: () => [...files.keys()],
    load: (name) => files.get(name),
    remove: (name) => void files.delete(name),
    replace: (name, content) => void files.set(name, content.slice()),
    sync() {},
    lock: () => ({ release() {} }),
  };
}

const identity: EnclaveIdentity = { measurement: randomBytes(48), signer: randomBytes(48), productId: 1, securityVersion: 1, debuggable: false };

test('sealing keys: same machine and signer the same key; other build, signer, instance, product, machine or debug flag another', () => {
  const machine = memoryDirectory();
  const key = (changed: Partial<EnclaveIdentity> = {}, binding: 'signer' | 'measurement' = 'signer', context = 'a', state = machine): Uint8Array => new SimTee(state, { ...identity, ...changed }).sealingKey(binding, context);
  assert.deepEqual(key(), key());
  assert.deepEqual(key({ measurement: randomBytes(48) }), key());
  const others = [
    key({ measurement: randomBytes(48) }, 'measurement'),
    key({}, 'measurement'),
    key({ signer: randomBytes(48) }),
    key({}, 'signer', 'b'),
    key({ productId: 2 }),
    key({ debuggable: true }),
    key({}, 'signer', 'a', memoryDirectory()),
  ];
  for (const other of others) assert.equal(equalBytes(other, key()), false);
});

test("quotes verify with the machine's key only and hold what was given", () => {
  const tee = new SimTee(memoryDirectory(), identity);
  tee.extend(randomBytes(48));
  const data = randomBytes(64);
  const quote = tee.quote(data);
  const opened = openSimQuote(quote, tee.attestationKey);
  assert.deepEqual(opened?.reportData, data);
  assert.deepEqual(opened?.identity.measurement, new Uint8Array(identity.measurement));
  assert.equal(openSimQuote(quote, PrivateKey.generate('ES256').publicKey), undefined);
  for (let at = 0; at < quote.length; at++) {
    quote[at] ^= 1;
    assert.equal(openSimQuote(quote, tee.attestationKey), undefined, `byte ${at}`);
    quote[at] ^= 1;
  }
  assert.throws(() => tee.quote(data.subarray(1)), RangeError);
});
