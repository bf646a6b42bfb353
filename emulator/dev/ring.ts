/**
 * The newest things, up to a number; each gets an id that is not given again. Where `kindOf` tells kinds apart, the
 * number is for each of them, so that many of one do not push out the others.
 */
export class Ring<Item> {
  readonly #most: number;
  #items: (Item & { id: string })[] = [];
  #last = 0;

  readonly #kindOf: (item: Item) => unknown;

  constructor(most: number, kindOf: (item: Item) => unknown = () => '') {
    this.#most = most;
    this.#kindOf = kindOf;
  }

  add(item: Item): Item & { id: string } {
    this.#last += 1;
    const kept = { ...item, id: String(this.#last) };
    this.#items.push(kept);
    const alike = this.#items.filter((other) => this.#kindOf(other) === this.#kindOf(item));
    if (alike.length > this.#most) this.#items = this.#items.filter((other) => other !== alike[0]);
    return kept;
  }

  /** Newest first. */
  get items(): readonly (Item & { id: string })[] {
    return this.#items.toReversed();
  }

  find(id: string): (Item & { id: string }) | undefined {
    return this.#items.find((item) => item.id === id);
  }

  clear(): void {
    this.#items = [];
  }
}
