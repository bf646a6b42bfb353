/** The ways in which a secret may be written that a reader, or a program, can read again. */
const spellings = (secret: string): string[] => [
  secret,
  encodeURIComponent(secret),
  JSON.stringify(secret).slice(1, -1),
  Buffer.from(secret).toString('hex'),
  // In base64 a text looks different by where it begins; the bytes next to its neighbours are left out.
  ...[0, 1, 2].map((before) => {
    const text = Buffer.from('.'.repeat(before) + secret).toString('base64');
    return text.slice(before === 0 ? 0 : 4, Math.floor((before + Buffer.byteLength(secret)) / 3) * 4);
  }),
];

/** Which secrets stand in which texts, in whatever spelling: `name of the secret: name of the text`. */
export function leaks(secrets: Record<string, string>, texts: Record<string, string>): string[] {
  return Object.entries(secrets).flatMap(([secret, value]) => {
    const forms = spellings(value);
    return Object.entries(texts)
      .filter(([, text]) => forms.some((form) => text.includes(form)))
      .map(([name]) => `${secret}: ${name}`);
  });
}
