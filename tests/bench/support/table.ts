import { holds, type Row } from './scenario.ts';

/** Rows as a table for people. */
export function tableOf(title: string, rows: readonly Row[]): string {
  const all = [HEAD, ...rows.map(cellsOf)];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  const text = all.map((line) =>
    line
      .map((cell, i) => (i === 1 || i === 2 ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number)))
      .join('  ')
      .trimEnd(),
  );
  return [`\n${title}`, ...text.map((line) => `  ${line}`)].join('\n');
}

/** Rows as a table in Markdown. */
export function markdownOf(title: string, rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = ['---', '--:', '--:', '---', '---'];
  return [`\n### ${title}\n`, line(HEAD), line(rule), ...rows.map((row) => line(cellsOf(row)))].join('\n');
}

const HEAD = ['', 'median', 'lowest – highest', 'goal', ''];

const cellsOf = (row: Row): string[] => [
  row.what,
  `${shown(row.value)} ${row.unit}`,
  row.runs.length > 1 ? `${shown(Math.min(...row.runs))} – ${shown(Math.max(...row.runs))}` : '',
  goalOf(row),
  row.note ?? '',
];

function goalOf(row: Row): string {
  const reached = holds(row);
  if (reached === undefined) return '';
  const bound = row.atLeast === undefined ? `at most ${shown(row.atMost as number)}` : `at least ${shown(row.atLeast)}`;
  return `${bound}: ${reached ? 'yes' : 'NO'}`;
}

/** Three digits that count; thousands in groups. */
function shown(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}
