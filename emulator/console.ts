import { join } from 'node:path';
import * as esbuild from 'esbuild';

/** Bundles console/ to one script and one style: what the function of `GET /` is built with, as `define` takes it. */
export async function bundleConsole(root: string): Promise<Record<'CONSOLE_SCRIPT' | 'CONSOLE_STYLE', string>> {
  const { outputFiles } = await esbuild.build({
    entryPoints: { script: join(root, 'console/main.tsx'), style: join(root, 'console/style.css') },
    outdir: 'console',
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    write: false,
    logLevel: 'error',
  });
  const text = (end: string) => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? '';
  return { CONSOLE_SCRIPT: JSON.stringify(text('script.js')), CONSOLE_STYLE: JSON.stringify(text('style.css')) };
}
