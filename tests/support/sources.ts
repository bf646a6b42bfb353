import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { root } from './build.ts';

/** A source file of the project, by its path from the root. */
export interface Source {
  path: string;
  text: string;
  /** The text without comments: what runs. */
  code: string;
  imports: Import[];
}

export interface Import {
  /** A package or a Node module as written; a file as its path from the root. */
  from: string;
  isFile: boolean;
  /** Whether it is an import() that runs when it is reached. */
  lazy: boolean;
}

/** All source files of a folder, in its folders too. */
export function sourcesIn(folder: string): Source[] {
  return (readdirSync(join(root, folder), { recursive: true }) as string[])
    .map((name) => join(folder, name))
    .filter((path) => /\.(tsx?|mjs)$/.test(path))
    .sort()
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      const code = withoutComments(text);
      return { path, text, code, imports: importsOf(path, code) };
    });
}

/** Comments begin a line or follow a blank here, and `//` stands in no string after a blank: the formatter sees to that. */
const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/ .*$/gm, '$1');

/** What the code of the file at `path` imports, types included. */
export function importsOf(path: string, code: string): Import[] {
  const found = code.matchAll(/(?:\bfrom\s+|\bimport\s+|\b(import)\(\s*)['"]([^'"]+)['"]/g);
  return [...found].map(([, lazy, from = '']) => {
    const isFile = from.startsWith('.');
    return { from: isFile ? normalize(join(dirname(path), from)) : from, isFile, lazy: lazy !== undefined };
  });
}
