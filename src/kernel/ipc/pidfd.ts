/** Descriptors of processes (pidfd_open(2)): readable once the process has ended. */

import { O_RDWR } from '../../abi/fcntl.ts';
import { POLLIN, POLLRDNORM } from '../../abi/poll.ts';
import type { Process } from '../task/task.ts';
import { OpenFile } from '../vfs/file.ts';
import { anonymous } from './anon.ts';

export class PidFile extends OpenFile {
  readonly process: Process;

  constructor(process: Process, flags = 0) {
    super(anonymous('[pidfd]'), undefined, O_RDWR | flags, process.exitQueue);
    this.process = process;
  }

  override poll(): number {
    return this.process.state === 'zombie' || this.process.state === 'dead' ? POLLIN | POLLRDNORM : 0;
  }

  override info(): string {
    return `Pid:\t${this.process.pid}\nNSpid:\t${this.process.pid}\n`;
  }
}
