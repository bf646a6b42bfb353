/** Matches a path against a pattern such as `/v1/jobs/{id}`; the named parts, decoded, or undefined where it does not fit. */
export type Matcher = (path: string) => Record<string, string> | undefined;

/** Compiles a pattern of literal segments and `{name}` segments, once, when the function loads. */
export function matcherOf(pattern: string): Matcher {
  const parts = pattern.split('/');
  return (path) => {
    const given = path.split('/');
    if (given.length !== parts.length) return undefined;
    const found: Record<string, string> = {};
    for (const [i, part] of parts.entries()) {
      if (part.startsWith('{') && given[i]) found[part.slice(1, -1)] = decoded(given[i]);
      else if (part !== given[i]) return undefined;
    }
    return found;
  };
}

/** A segment is the same however a client escapes it (RFC 3986, 6.2.2); what escapes no text stands for itself. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
