/** Entry of `cloister exec`. */

import { command } from './commands/exec.ts';
import { runSingle, told } from './single.ts';

runSingle(command, told);
