import { writeFileSync } from 'node:fs';
import { CollateralError, collateralBundle, collateralUrls, fetchCollateral, recognise, UnreadableError } from '../../attestation/verifier/index.ts';
import { Failure } from '../../libos/failure.ts';
import { httpOptions, readInput } from '../collateral.ts';
import { type Command, flag, JSON_OPTION, printJson, value } from '../command.ts';

export const command: Command = {
  usage: 'collateral EVIDENCE [--output FILE]',
  doc: `Fetches what Intel or AMD publish about the platform that made the evidence, and writes it as one file for \`verify --collateral\`
on machines without a network. For SGX and TDX it is the JSON bundle that other verifiers read too.`,
  options: [
    { flag: '--output FILE', short: '-o', doc: 'Where to write it; the standard output, unless given.' },
    { flag: '--list', doc: 'Only show the addresses.' },
    { flag: '--pcs URL', doc: "Another service than Intel's, such as a PCCS." },
    { flag: '--kds URL', doc: "Another service than AMD's." },
    JSON_OPTION,
  ],
  examples: ['cloister collateral quote.bin -o collateral.json', 'cloister collateral quote.bin --list'],
  operands: [1, 1],
  async run(invocation) {
    const [pcs, kds] = [value(invocation, 'pcs'), value(invocation, 'kds')];
    try {
      const evidence = recognise(readInput(invocation.operands[0]));
      const options = httpOptions(pcs, kds);
      if (flag(invocation, 'list')) {
        const urls = collateralUrls(evidence, options);
        if (flag(invocation, 'json')) printJson(urls);
        else process.stdout.write(urls.map((url) => `${url}\n`).join(''));
        return 0;
      }
      const { files } = await fetchCollateral(evidence, options);
      const text = `${JSON.stringify(collateralBundle(files), null, 2)}\n`;
      const output = value(invocation, 'output');
      if (output === undefined) process.stdout.write(text);
      else writeFileSync(output, text);
      return 0;
    } catch (error) {
      if (error instanceof CollateralError) throw new Failure('host', `the collateral cannot be fetched: ${error.message}`, 'This needs a network, or --pcs and --kds that reach a service.');
      if (error instanceof UnreadableError) {
        process.stderr.write(`cloister: ${invocation.operands[0]}: ${error.message}\n`);
        return 2;
      }
      throw error;
    }
  },
};
