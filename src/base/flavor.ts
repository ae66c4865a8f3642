/**
 * Numbers that must not be mistaken for one another: a plain number can be given where a flavoured one is wanted,
 * a differently flavoured one cannot.
 */
export type Flavor<Name extends string> = number & { readonly __flavor?: Name };

/** A file descriptor. */
export type Fd = Flavor<'Fd'>;
/** A process or thread number. */
export type Pid = Flavor<'Pid'>;
/** An address in a guest's address space. */
export type GuestAddr = Flavor<'GuestAddr'>;
