import { parseCases, runCases } from '../../../broker/policy/cases.ts';
import { PolicyEngine } from '../../../broker/policy/engine.ts';
import { basename } from 'node:path';
import { answerOf, readInput, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson, values } from '../../command.ts';

const TEXT = new TextDecoder();

export const command: Command = {
  usage: 'policy test CASES [OPTIONS]',
  doc: 'Tries policies on cases, without a broker where files are given, otherwise those that are in force. CASES is a JSON array (- for standard input):\n{"name": …, "expect": "allow" or "deny", "resource": "hospital/key/records", "context": {"measurement": …, "debug": true}}.\nWhat a case leaves out of the context is as harmless as evidence can be. Exit code 1 where a case does not come out as expected.',
  options: [{ flag: '--policy FILE', doc: 'Cedar to try.', repeated: true }, ...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister policy test cases.json --policy records.cedar', 'cloister policy test cases.json --state ./kbs'],
  operands: [1, 1],
  async run(invocation) {
    const files = values(invocation, 'policy');
    const cases = parseCases(TEXT.decode(readInput(invocation.operands[0])));
    const engine = await PolicyEngine.load();
    const policies: { name: string; text: string }[] =
      files.length > 0 ? files.map((file) => ({ name: basename(file), text: TEXT.decode(readInput(file)) })) : await withBroker(invocation, (remote) => answerOf(remote, 'GET', '/cloister/v0/policies'));
    for (const policy of policies) engine.check(policy);
    const results = runCases(engine, policies, cases);
    const failed = results.filter(({ passed }) => !passed).length;
    if (flag(invocation, 'json')) printJson(results);
    else {
      for (const { name, passed, expected, decision } of results) {
        process.stdout.write(`${passed ? '✓' : '✗'} ${name}: ${decision.allowed ? `allowed by ${decision.policies.join(', ')}` : 'denied'}${passed ? '' : `, ${expected} was expected`}\n`);
        for (const error of decision.errors) process.stdout.write(`    ${error}\n`);
        for (const { policy, condition, evidence } of decision.failed) process.stdout.write(`    ${policy}: ${condition}; the evidence says ${JSON.stringify(evidence)}\n`);
      }
      process.stdout.write(`${results.length - failed} as expected, ${failed} not\n`);
    }
    return failed === 0 ? 0 : 1;
  },
};
