/** Trees of forged TEEs, and the world in which their evidence is right. */

import { type Collateral, readCollateral } from '../../../src/attestation/verifier/index.ts';
import { forgeAmd } from '../forge/amd.ts';
import { forgeIntel } from '../forge/intel.ts';
import { FakeTree } from './fake.ts';

const utf8 = new TextEncoder();
const DATA = new Uint8Array(64).fill(1);
export const tdxQuote = (reportData: Uint8Array): ReturnType<typeof forgeIntel> => forgeIntel({ tee: 'tdx', body: (body) => body.set(reportData, 520) });
export const sgxQuote = (reportData: Uint8Array): ReturnType<typeof forgeIntel> => forgeIntel({ body: (body) => body.set(reportData, 320) });
export const snpReport = (reportData: Uint8Array): ReturnType<typeof forgeAmd> => forgeAmd({ report: (report) => report.set(reportData, 0x50) });

/** The table of the GHCB specification. */
export function certificateTable(entries: readonly (readonly [guid: string, der: Uint8Array])[]): Uint8Array {
  const head = Buffer.alloc((entries.length + 1) * 24);
  let offset = head.length;
  entries.forEach(([guid, der], index) => {
    Buffer.from(guid, 'hex').copy(head, index * 24);
    head.writeUInt32LE(offset, index * 24 + 16);
    head.writeUInt32LE(der.length, index * 24 + 20);
    offset += der.length;
  });
  return new Uint8Array(Buffer.concat([head, ...entries.map(([, der]) => der)]));
}
export const VCEK = '63da758de6644564adc5f4b93be8accd';

export function tdxTree(change: (tree: FakeTree) => void = () => {}): FakeTree {
  const tree = new FakeTree();
  tree.tsm = { provider: 'tdx_guest', report: (inblob) => tdxQuote(inblob).evidence };
  change(tree);
  return tree;
}

export function snpTree(): FakeTree {
  const tree = new FakeTree();
  const { files } = snpReport(DATA);
  const vek = files.find(({ name }) => /vcek/i.test(name)) ?? files[0];
  tree.tsm = { provider: 'sev_guest', floor: 0, report: (inblob, level) => forgeAmd({ report: (report) => void (report.set(inblob, 0x50), report.writeUInt32LE(level, 0x30)) }).evidence, auxblob: certificateTable([[VCEK, vek.bytes]]) };
  return tree;
}

export function sgxTree(type = 'dcap'): FakeTree {
  const tree = new FakeTree();
  tree.sgx = { type, quote: (reportData) => sgxQuote(reportData).evidence, keys: { _sgx_mrenclave: new Uint8Array(16).fill(7), _sgx_mrsigner: new Uint8Array(16).fill(8) } };
  return tree;
}

/** Names the software that a forged TEE carries. */
export const PLATFORM = {
  sgx: { measurement: ['aa'.repeat(32)] },
  snp: { measurement: ['aa'.repeat(48)] },
  tdx: { measurement: ['cc'.repeat(48)], 'tdx.rtmr1': '00'.repeat(48) },
} as const;

/** Collateral and roots under which forged evidence is right. */
export function world(kind: 'sgx' | 'tdx' | 'snp'): { collateral: Collateral; roots: readonly string[] } {
  if (kind === 'snp') {
    const { files, roots } = snpReport(DATA);
    return { collateral: readCollateral(files), roots };
  }
  const { bundle, roots } = kind === 'tdx' ? tdxQuote(DATA) : sgxQuote(DATA);
  return { collateral: readCollateral([{ name: 'bundle', bytes: utf8.encode(JSON.stringify(bundle)) }]), roots };
}
