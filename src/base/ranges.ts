/**
 * A list of disjoint ranges in ascending order, kept in an array with a gap where it was last changed: changes near
 * each other, which is how memory is mapped and unmapped, cost little however long the list is.
 */

export interface Range {
  start: number;
  end: number;
}

export class Ranges<T extends Range> {
  #items: (T | undefined)[] = [];
  /** Items before the gap lie at their index, the others at the end of the array. */
  #gap = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  at(index: number): T | undefined {
    return index < this.#gap ? this.#items[index] : index < this.#length ? this.#items[index + this.#items.length - this.#length] : undefined;
  }

  /** Index of the first range that ends above `address`. */
  indexAt(address: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.at(middle) as T).end > address) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let index = 0; index < this.#length; index++) yield this.at(index) as T;
  }

  #moveGap(index: number): void {
    const items = this.#items;
    const width = items.length - this.#length;
    for (; this.#gap > index; this.#gap--) {
      items[this.#gap - 1 + width] = items[this.#gap - 1];
      if (width > 0) items[this.#gap - 1] = undefined;
    }
    for (; this.#gap < index; this.#gap++) {
      items[this.#gap] = items[this.#gap + width];
      if (width > 0) items[this.#gap + width] = undefined;
    }
  }

  insert(index: number, item: T): void {
    if (this.#items.length === this.#length) {
      const after = this.#items.slice(this.#gap);
      const more = Math.max(8, this.#length >> 1);
      this.#items.length = this.#gap;
      for (let count = 0; count < more; count++) this.#items.push(undefined);
      for (const each of after) this.#items.push(each);
    }
    this.#moveGap(index);
    this.#items[this.#gap++] = item;
    this.#length++;
  }

  /** Takes out [from, to). */
  remove(from: number, to: number): T[] {
    const removed: T[] = [];
    if (to <= from) return removed;
    this.#moveGap(from);
    for (let index = from; index < to; index++) {
      const place = this.#gap + this.#items.length - this.#length;
      removed.push(this.#items[place] as T);
      this.#items[place] = undefined;
      this.#length--;
    }
    return removed;
  }

  clear(): void {
    this.#items = [];
    this.#gap = this.#length = 0;
  }
}
