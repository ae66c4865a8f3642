/**
 * The shape of a unit's control flow: order, dominators, loops, and where structured code needs labels
 * (Ramsey, "Beyond Relooper", ICFP 2022; dominators by Cooper, Harvey and Kennedy, 2001).
 *
 * Blocks are numbered from 0 (the entry); all are reachable.
 */

export interface Flow {
  readonly successors: readonly (readonly number[])[];
  readonly predecessors: readonly (readonly number[])[];
  /** Blocks in reverse postorder. */
  readonly order: readonly number[];
  /** Position of a block in `order`. */
  readonly rank: Int32Array;
  /** Immediate dominator; -1 for the entry. */
  readonly idom: Int32Array;
  /** Target of a back edge. */
  readonly loopHeader: Uint8Array;
  /** Has several forward predecessors, or is a target of a multi-way branch: it gets a label of its own. */
  readonly merge: Uint8Array;
  /** Blocks that a block immediately dominates, in reverse postorder. */
  readonly dominated: readonly (readonly number[])[];
}

export function isBackEdge(flow: Flow, from: number, to: number): boolean {
  return flow.rank[to] <= flow.rank[from];
}

/** `multiway[block]`: its terminator chooses among more than two successors. */
export function analyzeFlow(successors: readonly (readonly number[])[], multiway: (block: number) => boolean): Flow {
  const count = successors.length;
  const predecessors: number[][] = Array.from({ length: count }, () => []);
  for (let from = 0; from < count; from++) {
    for (const to of successors[from]) if (!predecessors[to].includes(from)) predecessors[to].push(from);
  }

  const order = reversePostorder(successors);
  const rank = new Int32Array(count);
  for (let at = 0; at < order.length; at++) rank[order[at]] = at;

  const idom = new Int32Array(count).fill(-1);
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of order) {
      if (block === 0) continue;
      let dominator = -1;
      for (const pred of predecessors[block]) {
        if (pred !== 0 && idom[pred] === -1) continue;
        dominator = dominator === -1 ? pred : intersect(idom, rank, dominator, pred);
      }
      if (idom[block] !== dominator) {
        idom[block] = dominator;
        changed = true;
      }
    }
  }

  const loopHeader = new Uint8Array(count);
  const merge = new Uint8Array(count);
  for (let block = 0; block < count; block++) {
    let forward = 0;
    for (const pred of predecessors[block]) {
      if (rank[pred] < rank[block]) {
        forward++;
        if (multiway(pred)) merge[block] = 1;
      } else {
        loopHeader[block] = 1;
      }
    }
    if (forward > 1) merge[block] = 1;
  }

  const dominated: number[][] = Array.from({ length: count }, () => []);
  for (const block of order) if (block !== 0) dominated[idom[block]].push(block);
  return { successors, predecessors, order, rank, idom, loopHeader, merge, dominated };
}

function reversePostorder(successors: readonly (readonly number[])[]): number[] {
  const seen = new Uint8Array(successors.length);
  const post: number[] = [];
  const stack: [number, number][] = [[0, 0]];
  seen[0] = 1;
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const next = successors[top[0]][top[1]++];
    if (next === undefined) {
      post.push(top[0]);
      stack.pop();
    } else if (!seen[next]) {
      seen[next] = 1;
      stack.push([next, 0]);
    }
  }
  return post.reverse();
}

function intersect(idom: Int32Array, rank: Int32Array, a: number, b: number): number {
  let x = a;
  let y = b;
  while (x !== y) {
    while (rank[x] > rank[y]) x = idom[x];
    while (rank[y] > rank[x]) y = idom[y];
  }
  return x;
}

/** Every back edge goes to a dominator of its source: structured code can be written for it. */
export function isReducible({ loopHeader, predecessors, idom, rank }: Flow): boolean {
  return loopHeader.every((flag, block) => flag === 0 || predecessors[block].every((pred) => rank[pred] < rank[block] || dominates(idom, rank, block, pred)));
}

function dominates(idom: Int32Array, rank: Int32Array, dominator: number, block: number): boolean {
  let at = block;
  while (rank[at] > rank[dominator]) at = idom[at];
  return at === dominator;
}
