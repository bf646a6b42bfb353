/** Whether standard output is a terminal that wants colour (https://no-color.org). */
const coloured = (): boolean => Boolean(process.stdout.isTTY) && !process.env.NO_COLOR;

const colours: Record<string, string> = {
  done: '32',
  running: '36',
  failed: '33',
  warn: '33',
  dlq: '31',
  error: '31',
  cancelled: '90',
  debug: '90',
};

/** A cell in the colour of its word, on a terminal. */
const paint = (text: string, word: string): string => {
  const colour = colours[word];
  return colour && coloured() ? `\u001b[${colour}m${text}\u001b[0m` : text;
};

/** What comes from a job or a server must not steer the terminal. */
const plain = (value: unknown): string => {
  const text = value === null || value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
  return text.replaceAll(/\p{Cc}+/gu, ' ');
};

export const print = (text: string): void => void process.stdout.write(`${text}\n`);
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, process.stdout.isTTY ? 2 : 0));

/** Rows as a table with a head on a terminal; as lines of cells between tabs elsewhere, for cut and awk. */
export function printTable(head: readonly string[], rows: readonly (readonly unknown[])[]): void {
  const cells = rows.map((row) => row.map(plain));
  if (!process.stdout.isTTY) {
    for (const row of cells) print(row.join('\t'));
    return;
  }
  const width = head.map((title, i) => Math.max(title.length, ...cells.map((row) => (row[i] ?? '').length)));
  const padded = (row: readonly string[]) => row.map((cell, i) => paint(cell.padEnd(width[i] ?? 0), cell));
  print(head.map((title, i) => title.toUpperCase().padEnd(width[i] ?? 0)).join('  '));
  for (const row of cells) print(padded(row).join('  ').trimEnd());
}

/** An object as a line for each of its fields. */
export function printFields(value: object): void {
  const width = Math.max(...Object.keys(value).map((name) => name.length));
  for (const [name, field] of Object.entries(value))
    print(`${name.padEnd(width)}  ${paint(plain(field), plain(field))}`.trimEnd());
}

/** JSON where it is asked for, else lines. */
export const show = (options: { json?: boolean }, value: object): void =>
  options.json ? printJson(value) : printFields(value);
