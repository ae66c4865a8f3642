import { answerOf, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson } from '../../command.ts';

export const command: Command = {
  usage: 'broker status [OPTIONS]',
  doc: 'Shows what a broker is and holds.',
  options: [...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister broker status --state ./kbs', 'cloister broker status --broker https://kbs.example:8443 --owner alice --owner-key alice.pem --broker-policy broker.yaml'],
  operands: [0, 0],
  async run(invocation) {
    const status = await withBroker(invocation, (remote) => answerOf(remote, 'GET', '/cloister/v0/status'));
    if (flag(invocation, 'json')) printJson(status);
    else {
      const rows: [string, string][] = [
        ['version', status.version],
        ['key', status.key],
        ['you are', `${status.owner.id} (${status.owner.role}, tenant ${status.owner.tenant})`],
        ['database', status.database],
        ['root key', `guarded by ${status.rootKey}`],
        ['evidence', status.evidence.join(', ') || 'none'],
        ['owners', status.owners],
        ['resources', `${status.resources} versions`],
        ['sessions', status.sessions],
        ['audit log', status.audit === null ? 'empty' : `${status.audit.size} entries, root ${status.audit.root}`],
      ];
      for (const [name, text] of rows) process.stdout.write(`${name.padEnd(10)}${text}\n`);
    }
    return 0;
  },
};
