/** Chance that repeats: sfc32, seeded by a text, so that each purpose of a run has a stream of its own. */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  constructor(seed: string) {
    [this.#a, this.#b, this.#c] = [hash(`a${seed}`), hash(`b${seed}`), hash(`c${seed}`)];
    for (let i = 0; i < 12; i++) this.fraction();
  }

  /** In [0, 1). */
  fraction = (): number => {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return (t >>> 0) / 4_294_967_296;
  };

  /** A whole number from `min` to `max`. */
  between = (min: number, max: number): number => min + Math.floor(this.fraction() * (max - min + 1));

  yes = (probability: number): boolean => this.fraction() < probability;

  pick = <T>(list: readonly T[]): T => list[Math.floor(this.fraction() * list.length)] as T;

  /** One of the names, each as likely as its weight says. */
  weighted<Name extends string>(weights: Record<Name, number>): Name {
    const entries = Object.entries(weights) as [Name, number][];
    let left = this.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    return (entries.at(-1) as [Name, number])[0];
  }

  bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => this.between(0, 255));
}

/** FNV-1a with a final mix, 32 bits; `from` goes on where an earlier hash ended. */
export function hash(text: string, from = 0x811c9dc5): number {
  let h = from;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h ^= h >>> 15;
  return Math.imul(h, 0x2c1b3c6d) ^ (h >>> 12);
}
