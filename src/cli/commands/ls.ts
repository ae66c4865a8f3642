import { toText } from '../../base/bytes.ts';
import type { FileRow } from '../../libos/files.ts';
import { type Command, flag, JSON_OPTION, printJson, value } from '../command.ts';
import { onFile, openDoor } from '../files.ts';
import { table } from '../table.ts';

const LETTERS = { file: '-', directory: 'd', symlink: 'l', other: '?' } as const;
const permissions = ({ type, mode }: FileRow): string => LETTERS[type] + [...'rwxrwxrwx'].map((letter, bit) => (mode & (0o400 >> bit) ? letter : '-')).join('');

export const command: Command = {
  usage: 'ls [-l] [:PATH…]',
  doc: 'Lists files as programs in the enclave see them: the image with the writable layer over it.',
  options: [{ flag: '--long', short: '-l', doc: 'Permissions, owner, size and time as well.' }, { flag: '--image-key FILE', doc: 'Key of an encrypted image.' }, JSON_OPTION],
  examples: ['cloister ls :/', 'cloister ls -l :/data'],
  operands: [0, Number.POSITIVE_INFINITY],
  async run(invocation) {
    const paths = invocation.operands.length === 0 ? ['/'] : invocation.operands.map((path) => path.replace(/^:/, ''));
    const door = await openDoor(invocation.directory, value(invocation, 'image-key'));
    try {
      const lists = [];
      for (const path of paths) lists.push({ path, rows: ((await onFile(door, 'list', path)) as FileRow[]).map((row) => ({ ...row, name: toText(row.name), ...(row.target !== undefined && { target: toText(row.target) }) })) });
      if (flag(invocation, 'json')) printJson(lists);
      else
        for (const { path, rows } of lists) {
          if (lists.length > 1) process.stdout.write(`${path}:\n`);
          if (!flag(invocation, 'long')) process.stdout.write(rows.map(({ name }) => `${name}\n`).join(''));
          else if (rows.length > 0)
            process.stdout.write(
              table(
                ['MODE', 'UID', 'GID', 'SIZE', 'MODIFIED', 'NAME'],
                rows.map((row) => [permissions(row), row.uid, row.gid, row.size, new Date(row.mtimeMs).toISOString().slice(0, 19), row.target === undefined ? row.name : `${row.name} -> ${row.target}`]),
              ),
            );
        }
      return 0;
    } finally {
      door.close();
    }
  },
};
