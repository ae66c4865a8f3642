/** What uname(2) says of a kernel that behaves like this version of Linux. */

export const UTS = {
  sysname: 'Linux',
  release: '6.1.0-cloister',
  version: '#1 Cloister',
  machine: 'x86_64',
} as const;
