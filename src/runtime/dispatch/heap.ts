// A heap that knows where its items are, so that one whose place has changed is moved and not looked for.

export class Heap<Item> {
  readonly isBefore: (a: Item, b: Item) => boolean;
  readonly #items: Item[] = [];
  readonly #places = new Map<Item, number>();

  /** @param isBefore a strict order: of two different items, one is before the other */
  constructor(isBefore: (a: Item, b: Item) => boolean) {
    this.isBefore = isBefore;
  }

  /** The item that is before all others. */
  get first(): Item | undefined {
    return this.#items[0];
  }

  /** Take an item in, or move it to where it belongs now. */
  put(item: Item): void {
    const place = this.#places.get(item) ?? this.#items.push(item) - 1;
    this.#places.set(item, place);
    this.#down(item, this.#up(item, place));
  }

  delete(item: Item): void {
    const place = this.#places.get(item);
    if (place === undefined) return;
    this.#places.delete(item);
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#items[place] = last;
    this.#places.set(last, place);
    this.#down(last, this.#up(last, place));
  }

  /** Move an item towards the first. @returns its place */
  #up(item: Item, from: number): number {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = this.#items[above]!;
      if (!this.isBefore(item, other)) break;
      this.#set(other, place);
      place = above;
    }
    this.#set(item, place);
    return place;
  }

  #down(item: Item, from: number): void {
    const { length } = this.#items;
    let place = from;
    for (let below = 2 * place + 1; below < length; below = 2 * place + 1) {
      const right = below + 1;
      if (right < length && this.isBefore(this.#items[right]!, this.#items[below]!)) below = right;
      const other = this.#items[below]!;
      if (!this.isBefore(other, item)) break;
      this.#set(other, place);
      place = below;
    }
    this.#set(item, place);
  }

  #set(item: Item, place: number): void {
    this.#items[place] = item;
    this.#places.set(item, place);
  }
}
