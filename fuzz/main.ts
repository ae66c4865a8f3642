/**
 * `npm run fuzz [-- SECONDS [TARGET…]]`, `npm run fuzz -- --cases N [TARGET…]`: every fuzz target in turn for its share of the
 * time (a minute in all unless given), or for N cases each; each batch has a seed of its own that is printed before it
 * starts, and is drawn from `--seed N` where that is given. `node fuzz/TARGET.ts SEED` repeats one.
 */

import { parseArgs } from 'node:util';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { fuzz as broker } from './broker.ts';
import { fuzz as brokerToken } from './broker-token.ts';
import { fuzz as carrier } from './carrier.ts';
import { fuzz as certificate } from './certificate.ts';
import { fuzz as collateral } from './collateral.ts';
import { fuzzConfiguration } from './configuration.ts';
import { fuzzControl } from './control.ts';
import { fuzz as decoder } from './decoder.ts';
import { fuzz as dice } from './dice.ts';
import { fuzz as elf } from './elf.ts';
import { fuzz as encfsImage } from './encfs-image.ts';
import { fuzz as encfsLayer } from './encfs-layer.ts';
import { fuzz as eventLog } from './event-log.ts';
import { fuzz as evidenceEndpoint } from './evidence-endpoint.ts';
import { fuzz as jwe } from './jwe.ts';
import { fuzz as policy } from './policy.ts';
import { fuzz as quote } from './quote.ts';
import { fuzz as recognise } from './recognise.ts';
import { fuzz as reference } from './reference.ts';
import { fuzz as tcbInfo } from './tcb-info.ts';
import { fuzz as tee } from './tee.ts';
import { fuzz as token } from './token.ts';
import { fuzz as vtpm } from './vtpm.ts';

// biome-ignore format: a table
const TARGETS: readonly (readonly [name: string, run: (seed: number, iterations: number) => unknown, batch: number])[] = [
  ['broker',        broker,            2_000],
  ['broker-token',  brokerToken,       5_000],
  ['carrier',       carrier,             500],
  ['certificate',   certificate,       2_000],
  ['collateral',    collateral,          500],
  ['configuration', fuzzConfiguration, 1_000],
  ['control',       fuzzControl,      20_000],
  ['decoder',       decoder,          50_000],
  ['dice',          dice,              1_000],
  ['elf',           elf,                 200],
  ['encfs-image',   encfsImage,        1_000],
  ['encfs-layer',   encfsLayer,          100],
  ['event-log',     eventLog,          5_000],
  ['evidence-endpoint', evidenceEndpoint, 50_000],
  ['jwe',           jwe,               5_000],
  ['policy',        policy,              500],
  ['quote',         quote,               500],
  ['recognise',     recognise,           500],
  ['reference',     reference,         5_000],
  ['tcb-info',      tcbInfo,             500],
  ['tee',           tee,               2_000],
  ['token',         token,             1_000],
  ['vtpm',          vtpm,                500],
];

const { values, positionals } = parseArgs({ allowPositionals: true, options: { cases: { type: 'string' }, seed: { type: 'string' } } });
const counted = values.cases !== undefined;
const [limit = '60', ...names] = counted ? [values.cases, ...positionals] : positionals;
const chosen = TARGETS.filter(([name]) => names.length === 0 || names.includes(name));
if (!(Number(limit) > 0) || chosen.length < names.length || chosen.length === 0) {
  console.error(`npm run fuzz [-- [--seed N] SECONDS|--cases N [TARGET…]]; targets: ${TARGETS.map(([name]) => name).join(', ')}`);
  process.exit(2);
}
const random = values.seed === undefined ? (limit: number) => Math.floor(Math.random() * limit) : randomFrom(Number(values.seed));
let failed = 0;
for (const [name, run, batch] of chosen) {
  const end = performance.now() + (Number(limit) * 1000) / chosen.length;
  let iterations = 0;
  do {
    const seed = random(2 ** 31);
    process.stdout.write(`${name}: seed ${seed}, ${batch} iterations`);
    try {
      await run(seed, batch);
      process.stdout.write('\n');
    } catch (error) {
      process.stdout.write(': FAILED\n');
      console.error(error);
      console.error(`again: node fuzz/${name}.ts ${seed} ${batch}`);
      failed++;
      break;
    }
    iterations += batch;
  } while (counted ? iterations < Number(limit) : performance.now() < end);
  console.log(`${name}: ${iterations} iterations in whole batches without a fault`);
}
process.exitCode = failed > 0 ? 1 : 0;
