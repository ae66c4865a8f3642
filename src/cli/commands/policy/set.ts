import { LIBRARY, policyFromLibrary } from '../../../broker/policy/library.ts';
import { Failure } from '../../../libos/failure.ts';
import { answerOf, readInput, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson, value, values } from '../../command.ts';

const ready = Object.entries(LIBRARY).map(([name, { doc, parameters }]) => `  ${name.padEnd(20)}${parameters.join(', ').padEnd(28)}${doc}`);

export const command: Command = {
  usage: 'policy set NAME [FILE] [OPTIONS]',
  doc: `Puts a policy in force, or takes it out with --remove. FILE holds Cedar (- for standard input); a ready policy needs no file:\n\n${ready.join('\n')}\n
Where the hardware measures the firmware alone, these give nothing unless they name more: on TDX \`--with rtmr1=…\` and \`--with rtmr2=…\` (also rtmr0,
rtmr3), behind a virtual TPM (az-…) \`--with pcr4=…\` and what else of pcr0 to pcr23 the boot fills. \`cloister verify\` shows them.
AMD publishes no status, so "up to date" needs a minimum on SEV-SNP: \`--with snpTcb=Milan,bootloader=4,snp=22,microcode=213\`.`,
  options: [
    { flag: '--ready POLICY', doc: 'A ready policy.' },
    { flag: '--for RESOURCE', doc: 'What the ready policy is about: REPOSITORY or REPOSITORY/TYPE/TAG.' },
    { flag: '--with NAME=VALUE', doc: 'A parameter of the ready policy.', repeated: true },
    { flag: '--remove', doc: 'Take the policy out of force.' },
    ...REMOTE_OPTIONS,
    JSON_OPTION,
  ],
  examples: ['cloister policy set records records.cedar --state ./kbs', 'cloister policy set records --ready exact-build --for hospital/key/records --with measurement=$(cloister print measurement) --state ./kbs'],
  operands: [1, 2],
  async run(invocation) {
    const [name, file] = invocation.operands;
    const [from, about] = [value(invocation, 'ready'), value(invocation, 'for')];
    if (flag(invocation, 'remove')) {
      const result = await withBroker(invocation, (remote) => answerOf(remote, 'DELETE', `/cloister/v0/policies/${encodeURIComponent(name)}`));
      if (flag(invocation, 'json')) printJson({ name, ...result });
      else process.stdout.write(`${name}: out of force\n`);
      return 0;
    }
    if ((file === undefined) === (from === undefined)) throw new Failure('usage', 'a policy comes from FILE or from --ready, one of them', 'See cloister policy set --help for the ready ones.');
    if (from !== undefined && about === undefined) throw new Failure('usage', '--for RESOURCE is missing');
    const parameters = new Map(
      values(invocation, 'with').map((pair) => {
        const at = pair.indexOf('=');
        if (at < 1) throw new Failure('usage', `--with ${pair}: NAME=VALUE is needed`);
        return [pair.slice(0, at), pair.slice(at + 1)];
      }),
    );
    const text = from === undefined ? readInput(file as string) : policyFromLibrary(from, about as string, parameters);
    const result = await withBroker(invocation, (remote) => answerOf(remote, 'PUT', `/cloister/v0/policies/${encodeURIComponent(name)}`, text));
    if (flag(invocation, 'json')) printJson({ name, ...result });
    else process.stdout.write(`${name}: version ${result.version} in force\n${from === undefined ? '' : String(text)}`);
    return 0;
  },
};
