import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './build.ts';

/** A file of the repository as text. */
export const readText = (path: string): string => readFileSync(join(root, path), 'utf8');

/** What stands under a heading, up to the next heading of its level or a higher one. Throws where it is missing. */
export function section(markdown: string, heading: string): string {
  const level = /^#+/.exec(heading)?.[0].length ?? 1;
  const lines = markdown.split('\n');
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`There is no heading "${heading}".`);
  const length = lines.slice(start + 1).findIndex((line) => new RegExp(`^#{1,${level}} `).test(line));
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join('\n');
}

/** The contents of the fenced blocks in a language, in order. */
export const blocksOf = (markdown: string, language: string): string[] =>
  [...markdown.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, text]) => text as string,
  );

/** A Markdown table, its columns padded as the formatter does it. */
export function table(head: string[], rows: string[][]): string {
  const width = head.map((_, i) => Math.max(3, ...[head, ...rows].map((cells) => (cells[i] as string).length)));
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(width[i] as number)).join(' | ')} |`;
  return [line(head), line(width.map((n) => '-'.repeat(n))), ...rows.map(line)].join('\n');
}

/** The text with `content` between its markers `<!-- name -->` and `<!-- /name -->`. Throws where they are missing. */
export function withGenerated(markdown: string, name: string, content: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [before, rest = ''] = markdown.split(open);
  const [, after] = rest.split(close);
  if (after === undefined) throw new Error(`The markers ${open} and ${close} are missing.`);
  return `${before}${open}\n${content}\n${close}${after}`;
}
