/** One row of the compute set on all sides, taking turns. */

import { basename } from 'node:path';
import type { ComputeRow } from './compute.ts';
import { median, type Result } from './report.ts';
import { Server, SideError, type Sample } from './sides.ts';
import { CLI, programPath, QEMU, type Stage } from './stage.ts';

/** A side whose first repetition takes this long has three repetitions measured, not five. */
const LONG_NS = 5e9;
const REPETITIONS = 5,
  OF_LONG = 3;

export type SideName = 'native' | 'enclave' | 'qemu';

interface Side {
  readonly name: SideName;
  readonly server: Server;
  /** Of repetitions after the first. */
  readonly samples: number[];
  first: Sample | undefined;
}

/** Nanoseconds; for a rate, those of a megabyte. */
function costOf({ measure }: ComputeRow, sample: Sample): number {
  if (measure === 'time') return sample.ns;
  const rate = Number(sample.lastLine.split(/[\s:]+/).at(-1));
  if (!(rate > 0)) throw new SideError(`no rate in ${JSON.stringify(sample.lastLine)}`);
  return 1e15 / rate;
}

function open(name: SideName, { env = {}, argv }: ComputeRow, stage: Stage): Server {
  const environment = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  if (name === 'enclave') return new Server(CLI, ['-C', stage.instance, 'run', '--quiet', '/bin/serve', '/bench', ...environment, ...argv], stage.work);
  const [program, ...args] = argv;
  const path = program.startsWith('./') ? program : (programPath(basename(program)) ?? program);
  return new Server(stage.server, [stage.files, ...environment, ...(name === 'qemu' ? [QEMU] : []), path, ...args], stage.work);
}

/** Undefined costs where a side failed; `problem` says how. `repetitions`: after the first one. */
export async function measure(row: ComputeRow, sideNames: readonly SideName[], stage: Stage, repetitions = REPETITIONS): Promise<Result> {
  const sides: Side[] = [];
  const problems: string[] = [];
  const attempt = async (side: Side, action: () => Promise<void>): Promise<void> => {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof SideError)) throw error;
      problems.push(`${side.name}: ${error.message}`);
      sides.splice(sides.indexOf(side), 1);
      await side.server.close();
    }
  };
  for (const name of sideNames) {
    const side: Side = { name, server: open(name, row, stage), samples: [], first: undefined };
    sides.push(side);
    await attempt(side, async () => void (await side.server.ready()));
  }
  const all = [...sides];
  for (const side of all) await attempt(side, async () => void (side.first = await side.server.run('read')));
  const expected = sides.find(({ name }) => name === 'native')?.first;
  if (row.measure === 'time') for (const { name, first } of sides) if (first?.hash !== expected?.hash) problems.push(`${name}: its output is not that of the host`);
  // Each side as often as it takes; the sides take turns as long as more than one of them has repetitions left.
  const wanted = (side: Side): number => (side.first!.ns > LONG_NS ? Math.min(repetitions, OF_LONG) : repetitions);
  for (let round = 0; round < repetitions; round++) {
    for (const side of [...sides]) {
      if (round >= wanted(side)) continue;
      await attempt(side, async () => void side.samples.push(costOf(row, await side.server.run(row.measure === 'rate' ? 'read' : 'discard'))));
    }
  }
  for (const { server } of sides) await server.close();
  const cost = (name: SideName): number | undefined => {
    const side = sides.find((each) => each.name === name);
    return side === undefined ? undefined : median(side.samples);
  };
  const first = sides.find(({ name }) => name === 'enclave')?.first;
  return {
    name: row.name,
    group: 'compute',
    nativeNs: cost('native'),
    enclaveNs: cost('enclave'),
    qemuNs: cost('qemu'),
    firstNs: first === undefined ? undefined : costOf(row, first),
    problem: problems.length === 0 ? undefined : problems.join('; '),
  };
}
