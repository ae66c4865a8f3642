/** A share of what `npm run fuzz` does at length, with a seed of its own each time. */

import { test } from 'node:test';
import { fuzz as carrier } from '../../fuzz/carrier.ts';
import { fuzz as certificate } from '../../fuzz/certificate.ts';
import { fuzz as collateral } from '../../fuzz/collateral.ts';
import { fuzz as dice } from '../../fuzz/dice.ts';
import { fuzz as eventLog } from '../../fuzz/event-log.ts';
import { fuzz as evidenceEndpoint } from '../../fuzz/evidence-endpoint.ts';
import { fuzz as quote } from '../../fuzz/quote.ts';
import { fuzz as tee } from '../../fuzz/tee.ts';
import { fuzz as recognise } from '../../fuzz/recognise.ts';
import { fuzz as tcbInfo } from '../../fuzz/tcb-info.ts';
import { fuzz as token } from '../../fuzz/token.ts';
import { fuzz as vtpm } from '../../fuzz/vtpm.ts';

// biome-ignore format: a table
const TARGETS = [
  ['certificates and lists',                      certificate, 2000],
  ['collateral',                                  collateral,   300],
  ['event logs, CBOR, HCL reports, TPM quotes',   eventLog,    2000],
  ['quotes and reports',                          quote,        600],
  ['attested certificates',                       dice,         300],
  ['certificates that carry evidence',            carrier,      200],
  ['forms of evidence and collateral',            recognise,    600],
  ['TCB information and identities',              tcbInfo,      300],
  ['tokens, JWE and keys',                        token,        600],
  ["evidence of Azure's vTPM",                    vtpm,         300],
] as const;
for (const [name, run, iterations] of TARGETS) {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  test(`${name}: ${iterations} mutated ones, none accepted (seed ${seed})`, () => run(seed, iterations));
}

for (const [name, run, iterations] of [
  ['answers of the kernel', tee, 500],
  ['requests, answers and statements', evidenceEndpoint, 5000],
] as const) {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  test(`${name}: ${iterations} mutated ones, all read or refused (seed ${seed})`, () => void run(seed, iterations));
}
