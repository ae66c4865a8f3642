/** A block as text, for people: one line per node in the order of evaluation. */

import type { Builder } from './builder.ts';
import { Node, REG_DF, REG_FLAGS_A, REG_FLAGS_B, REG_FLAGS_CODE, REG_FS, REG_GS, REG_XMM } from './values.ts';

const GPR = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'] as const;
const NAMES: Readonly<Record<number, string>> = {
  [REG_FS]: 'fsBase',
  [REG_GS]: 'gsBase',
  [REG_DF]: 'df',
  19: 'cf',
  20: 'pf',
  21: 'af',
  22: 'zf',
  23: 'sf',
  24: 'of',
  [REG_FLAGS_CODE]: 'flagsCode',
  [REG_FLAGS_A]: 'flagsA',
  [REG_FLAGS_B]: 'flagsB',
};

export function registerName(id: number): string {
  if (id < 8) return GPR[id];
  if (id < 16) return `r${id}`;
  return id >= REG_XMM ? `xmm${id - REG_XMM}` : (NAMES[id] ?? `reg${id}`);
}

export function printBlock(block: Builder): string {
  const lines: string[] = [];
  const names = new Map<Node, string>();
  const name = (node: Node): string => {
    if (node.op === 'const') return node.type === 'i64' ? `${node.wide as bigint}l` : node.type === 'v128' ? `[${(node.wide as Uint8Array).join(' ')}]` : String(node.imm);
    if (node.op === 'reg.get') return registerName(node.imm);
    return names.get(node) ?? '?';
  };
  const visit = (node: Node): void => {
    if (names.has(node) || node.op === 'const' || node.op === 'reg.get') return;
    const operands = [node.a, node.b, node.c].filter((x) => x !== undefined);
    for (const operand of operands) visit(operand);
    for (const [, argument] of node.args) visit(argument);
    names.set(node, `v${names.size}`);
    const result = node.type === undefined ? '' : `${name(node)}: ${node.type} = `;
    const place = node.isEffect ? `  ; ${node.pc.toString(16)}` : '';
    lines.push(`  ${result}${node.op}${immediate(node)} ${operands.map(name).join(' ')}`.trimEnd() + place);
  };
  for (const effect of block.effects) visit(effect);
  for (const node of block.defs.values()) visit(node);
  const ending: string[] = [block.terminator.kind];
  for (const [key, value] of Object.entries(block.terminator)) {
    if (key === 'kind') continue;
    if (value instanceof Node) visit(value);
    ending.push(`${key}=${value instanceof Node ? name(value) : typeof value === 'number' ? value.toString(16) : String(value)}`);
  }
  for (const [id, node] of block.defs) lines.push(`  ${registerName(id)} := ${name(node)}`);
  return [...lines, `  ${ending.join(' ')}`, ''].join('\n');
}

function immediate(node: Node): string {
  if (node.op === 'shuffle') return ` [${(node.wide as Uint8Array).join(' ')}]`;
  if (node.op === 'reg.reload') return ` ${registerName(node.imm)}`;
  if (node.op === 'helper' || node.op === 'trapIf') return ` ${String(node.wide)}`;
  return node.imm === 0 ? '' : ` +${node.imm}`;
}
