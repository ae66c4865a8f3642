/** Entry of `cloister run`. */

import { toFailure } from '../libos/errors.ts';
import { command } from './commands/run.ts';
import { runSingle } from './single.ts';

runSingle(command, toFailure);
