import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { validate } from 'dockerfile-utils';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { root } from '../support/build.ts';
import { freePort, pause, tempFolder } from '../support/server.ts';
import { ADMIN } from '../support/system.ts';

const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
const instructions = dockerfile.split('\n').filter((line) => /^[A-Z]+ /.test(line));
const finalStage = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')));
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};

test('the Dockerfile passes its linter, which would find a mistake', () => {
  expect(validate(dockerfile).map(({ message }) => message)).toEqual([]);
  expect(validate(dockerfile.replace('EXPOSE 8000', 'EXPOSE eighty'))).toHaveLength(1);
  expect(validate(dockerfile.replace('STOPSIGNAL', 'STOPSIGNALL'))).toHaveLength(1);
});

test('every file that the image is built from is there, and .dockerignore lets it through', () => {
  const allowed = readFileSync(join(root, '.dockerignore'), 'utf8').match(/(?<=^!).+$/gm) ?? [];
  const copied = instructions.flatMap((line) => /^COPY (?!--from)(.+) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
  expect([...copied].sort()).toEqual([...allowed].sort());
  for (const path of copied) expect(existsSync(join(root, path)), path).toBe(true);
});

test('the image runs as a user who is not root, is asked how it is, and keeps its data in a volume', () => {
  const one = (name: string) => finalStage.filter((line) => line.startsWith(name));
  expect(one('USER')).toEqual(['USER node']);
  expect(one('VOLUME')).toEqual(['VOLUME /data']);
  expect(one('STOPSIGNAL')).toEqual(['STOPSIGNAL SIGTERM']);
  expect(one('HEALTHCHECK')).toHaveLength(1);
  expect(one('ENV')[0]).toMatch(/HOST=0\.0\.0\.0 .*DB_PATH=\/data\/jobs\.db/);
  // What compiles and what tests stays behind.
  expect(finalStage.join('\n')).not.toMatch(/npm (ci|install)|COPY (core|functions|tests)/);
  expect(instructions.join('\n')).toMatch(/npm prune --omit=dev/);
});

test('whatever the built system imports is a production dependency', async () => {
  const { metafile } = await build({
    entryPoints: [join(root, 'dist/emulator/main.mjs')],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    outdir: 'unused',
    write: false,
    metafile: true,
    logLevel: 'error',
  });
  const packages = Object.values(metafile.inputs)
    .flatMap(({ imports }) => imports.filter(({ external }) => external).map(({ path }) => path))
    .filter((path) => !isBuiltin(path))
    .map((path) => path.split('/', path.startsWith('@') ? 2 : 1).join('/'));
  expect(packages).toContain('better-sqlite3');
  const missing = new Set(packages.filter((name) => !Object.hasOwn(dependencies, name)));
  // The workerd runtime and the mailbox of `dev` are for development; without their packages both say so.
  expect([...missing].sort()).toEqual(['mailparser', 'miniflare', 'smtp-server']);
});

/** The image's final stage in a folder: links to the packages that `npm prune --omit=dev` would leave, and what it copies. */
function unpacked(): string {
  const folder = tempFolder();
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  for (const [path, { dev }] of Object.entries(packages)) {
    if (dev || !/^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) || !existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(join(root, path), join(folder, path));
  }
  const copied = finalStage.flatMap((line) => /^COPY --from=build (.+) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
  for (const path of copied.map((path) => path.replace('/app/', '')).filter((path) => path !== 'node_modules')) {
    cpSync(join(root, path), join(folder, path), { recursive: true });
  }
  writeFileSync(join(folder, 'dist/stamp'), 'prebuilt\n');
  return folder;
}

test('the image starts without sources and without development packages, is healthy, runs a job and stops gently', async () => {
  const folder = unpacked();
  const built = statSync(join(folder, 'dist/manifest.json')).mtimeMs;
  const port = String(await freePort());
  const command = ['node', 'emulator/escapement.mjs', 'start'];
  expect(dockerfile).toContain(`ENTRYPOINT ${JSON.stringify(command.slice(0, 2)).replace(',', ', ')}\nCMD ["start"]`);
  const env = { PATH: process.env.PATH, NODE_ENV: 'production', PORT: port, DB_PATH: join(folder, 'data/jobs.db') };
  const child = spawn(process.execPath, command.slice(1), {
    cwd: folder,
    // A link is where it seems to be, so that no package finds one that is not in the image.
    env: { ...env, NODE_OPTIONS: '--preserve-symlinks', BOOTSTRAP_ADMIN_TOKEN: ADMIN, TICK_SECRET: 'tick-secret' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  try {
    const healthy = async (): Promise<number | null> => {
      const args = JSON.parse(/HEALTHCHECK[\s\S]*?CMD (\[.*\])/.exec(dockerfile)?.[1] ?? '[]') as string[];
      const check = spawn(process.execPath, args.slice(1), { env });
      return new Promise((resolve) => check.on('exit', resolve));
    };
    expect(await healthy()).toBe(1);
    for (let i = 0; i < 200 && (await healthy()) !== 0; i++) {
      expect(child.exitCode, output).toBe(null);
      await pause(50);
    }
    const headers = { 'x-user-auth': ADMIN, 'content-type': 'application/json' };
    const url = `http://127.0.0.1:${port}/v1/jobs`;
    const body = JSON.stringify({ task_type: 'transform', payload: { input: [1, 2], expression: '[1]' } });
    const { id } = (await (await fetch(url, { method: 'POST', headers, body })).json()) as { id: string };
    let job: { status?: string; result?: unknown } = {};
    for (let i = 0; i < 200 && job.status !== 'done'; i++) {
      job = (await (await fetch(`${url}/${id}`, { headers })).json()) as typeof job;
      await pause(20);
    }
    expect(job, output).toMatchObject({ status: 'done', result: 2 });
  } finally {
    child.kill('SIGTERM');
  }
  expect(await ended, output).toBe(0);
  // It built nothing: there was nothing to build from.
  expect(statSync(join(folder, 'dist/manifest.json')).mtimeMs).toBe(built);
  rmSync(folder, { recursive: true });
});

test('compose.yaml runs parts that there are, over one volume, and asks only the API how it is', () => {
  const { services } = parse(readFileSync(join(root, 'compose.yaml'), 'utf8'), { merge: true }) as {
    services: Record<string, { command: string; volumes: string[]; healthcheck?: { disable: boolean } }>;
  };
  expect(Object.keys(services)).toEqual(['api', 'coordinator', 'processor']);
  for (const [part, { command, volumes, healthcheck }] of Object.entries(services)) {
    expect(command).toBe(`start --only ${part}`);
    expect(volumes).toEqual(['data:/data']);
    expect(healthcheck?.disable ?? false).toBe(part !== 'api');
  }
});
