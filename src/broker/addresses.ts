/** Who asks: addresses of peers, and of clients behind proxies that the operator trusts. */

export interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

export interface Network extends Address {
  readonly prefix: number;
}

function fromV4(text: string): bigint | undefined {
  if (!/^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(text)) return undefined;
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

/** RFC 4291 §2.2. */
function fromV6(text: string): bigint | undefined {
  const dotted = /^(.*:)(\d+\.[\d.]+)$/.exec(text);
  const v4 = dotted === null ? undefined : fromV4(dotted[2]);
  if (dotted !== null && v4 === undefined) return undefined;
  const whole = v4 === undefined || dotted === null ? text : `${dotted[1]}${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}`;
  const halves = whole.split('::');
  if (halves.length > 2) return undefined;
  const [left, right] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const given = [...left, ...(right ?? [])];
  if (!given.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) || (halves.length === 1 ? given.length !== 8 : given.length > 7)) return undefined;
  const groups = [...left, ...Array.from({ length: 8 - given.length }, () => '0'), ...(right ?? [])];
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

/** IPv4 also in its IPv6 form (::ffff:192.0.2.1), which is the same address. A zone (%eth0) does not count. */
export function parseAddress(text: string): Address | undefined {
  const v4 = fromV4(text);
  if (v4 !== undefined) return { bits: 32, value: v4 };
  const v6 = fromV6(text.replace(/%.*$/, ''));
  if (v6 === undefined) return undefined;
  return v6 >> 32n === 0xffffn ? { bits: 32, value: v6 & 0xffff_ffffn } : { bits: 128, value: v6 };
}

/** `ADDRESS` or `ADDRESS/PREFIX` (RFC 4632). */
export function parseNetwork(text: string): Network | undefined {
  const [, name, length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = parseAddress(name ?? '');
  if (address === undefined) return undefined;
  const prefix = length === undefined ? address.bits : Number(length);
  return prefix <= address.bits ? { ...address, prefix } : undefined;
}

const isIn = ({ bits, value }: Address, network: Network): boolean => {
  const rest = BigInt(network.bits - network.prefix);
  return bits === network.bits && value >> rest === network.value >> rest;
};

/** Of `X-Forwarded-For`: also with a port. */
const forwardedAddress = (text: string): string => /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;

/**
 * The address of the client: the peer's, or where that is a trusted proxy, the last one that `X-Forwarded-For` adds and that is
 * no trusted proxy itself. What stands before it, anybody may have written.
 */
export function clientOf(peer: string, forwardedFor: string | undefined, trusted: readonly Network[]): string {
  let client = peer.replace(/^::ffff:(?=\d+\.)/i, '');
  for (const entry of (forwardedFor ?? '').split(',').reverse()) {
    const address = parseAddress(client);
    if (address === undefined || !trusted.some((network) => isIn(address, network))) break;
    const next = forwardedAddress(entry.trim());
    if (parseAddress(next) === undefined) break;
    client = next;
  }
  return client;
}

/** Whom a limit is for: one address of IPv4, a network of /64 of IPv6, which is what one client has. */
export function peerGroup(address: string): string {
  const parsed = parseAddress(address);
  return parsed?.bits === 128 ? `${(parsed.value >> 64n).toString(16)}/64` : address;
}
