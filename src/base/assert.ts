/** Bugs of our own. A failed assertion is never turned into an errno: it stops the enclave. */

export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

export function unreachable(message: string): never {
  throw new AssertionFailure(message);
}
