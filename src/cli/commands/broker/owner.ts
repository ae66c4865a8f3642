import { answerOf, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { readKeyFile } from '../../../libos/sealed.ts';
import { type Command, choice, flag, JSON_OPTION, printJson, value } from '../../command.ts';
import { table } from '../../table.ts';

export const command: Command = {
  usage: 'broker owner [NAME PUBLIC-KEY] [OPTIONS]',
  doc: 'Lists owners, or adds one. Owners have resources, policies and reference values of their own; admins also add owners and see the whole audit log.\nPUBLIC-KEY is a PEM file: P-256 or Ed25519.',
  options: [{ flag: '--tenant NAME', doc: 'What the owner belongs to: default otherwise.' }, { flag: '--role ROLE', doc: 'owner or admin.' }, ...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['openssl genpkey -algorithm ed25519 -out alice.pem && openssl pkey -in alice.pem -pubout -out alice.pub', 'cloister broker owner alice alice.pub --tenant hospital --state ./kbs', 'cloister broker owner --state ./kbs'],
  operands: [0, 2],
  async run(invocation) {
    const [id, file] = invocation.operands;
    const role = choice(value(invocation, 'role'), ['owner', 'admin'], 'role');
    if (id !== undefined) {
      const tenant = value(invocation, 'tenant') ?? 'default';
      const publicKey = readKeyFile(file ?? `${id}.pub`, 'public key');
      await withBroker(invocation, (remote) => answerOf(remote, 'POST', '/cloister/v0/owners', JSON.stringify({ id, tenant, role, publicKey })));
      if (flag(invocation, 'json')) printJson({ id, tenant, role, publicKey });
      else process.stdout.write(`added ${role} ${id}\n`);
      return 0;
    }
    const owners = await withBroker(invocation, (remote) => answerOf(remote, 'GET', '/cloister/v0/owners'));
    if (flag(invocation, 'json')) printJson(owners);
    else
      process.stdout.write(
        table(
          ['owner', 'role', 'tenant', 'since'],
          owners.map((row: { id: string; role: string; tenant: string; created: number }) => [row.id, row.role, row.tenant, new Date(row.created).toISOString()]),
        ),
      );
    return 0;
  },
};
