import { Failure } from '../../../libos/failure.ts';
import { OPEN_OPTIONS, replaceRoot, servingAt, stateOf } from '../../broker/state.ts';
import { type Command, flag, JSON_OPTION, printJson } from '../../command.ts';

export const command: Command = {
  usage: 'key new-root --state DIR [OPTIONS]',
  doc: 'Puts everything under a new root key, while no broker runs on the database. The guard can be changed with it: --new-root-key.',
  options: [{ flag: '--new-root-key GUARD', doc: 'tee, shares (with --split and --shares-to), pkcs11 or transit; as it was, otherwise.' }, ...OPEN_OPTIONS, JSON_OPTION],
  examples: ['cloister key new-root --state ./kbs', 'cloister key new-root --state ./kbs --new-root-key shares --split 2/3 --shares-to ./shares'],
  operands: [0, 0],
  async run(invocation) {
    const running = servingAt(stateOf(invocation));
    if (running !== undefined) throw new Failure('busy', `a broker runs over this state: ${running.url}`, 'Stop it, and every other one on the same database.');
    const kind = await replaceRoot(invocation);
    if (flag(invocation, 'json')) printJson({ rootKey: kind });
    else process.stdout.write(`everything is under a new root key, guarded by ${kind}\n`);
    return 0;
  },
};
