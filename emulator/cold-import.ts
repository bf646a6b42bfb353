import { execFileSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';

const MEASURE = `const start = performance.now();
await import(process.argv[1]);
process.stdout.write(String(performance.now() - start));`;

/** Milliseconds that a fresh Node process takes to import a file: the cold start of a function, but for the platform's. */
export const coldImport = (file: string): number =>
  Number(execFileSync(process.execPath, ['--input-type=module', '-e', MEASURE, pathToFileURL(file).href]));
