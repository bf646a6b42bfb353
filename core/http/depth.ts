const [QUOTE, BACKSLASH, OPEN, CLOSE] = [0x22, 0x5c, 0x5b, 0x5d];
/** From a bracket to the brace of its side. */
const BRACE = 0x20;

/**
 * How deep JSON nests, and whether all that opens is closed, in one pass and without parsing: to parse a MiB of brackets
 * takes V8 half a second in which nobody else is served. Of text that is no JSON it says something that harms nobody.
 */
export function bracketsIn(json: string): { deepest: number; closed: boolean } {
  let [depth, deepest] = [0, 0];
  for (let i = 0; i < json.length; i++) {
    const sign = json.charCodeAt(i);
    if (sign === QUOTE) i = endOfString(json, i + 1);
    else if (sign === OPEN || sign === OPEN + BRACE) deepest = Math.max(deepest, ++depth);
    else if (sign === CLOSE || sign === CLOSE + BRACE) depth--;
  }
  return { deepest, closed: depth === 0 };
}

/** Where the string ends whose first character stands at `i`. */
function endOfString(json: string, i: number): number {
  for (let at = i; at < json.length; at++) {
    const sign = json.charCodeAt(at);
    if (sign === BACKSLASH) at++;
    else if (sign === QUOTE) return at;
  }
  return json.length;
}
