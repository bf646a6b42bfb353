import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RegoEngine, TemplateFile } from '@aws/cloudformation-validate';
import { afterAll, expect, test } from 'vitest';
import { settingsTable } from '../../core/settings.ts';
import { root } from '../support/build.ts';
import { template } from '../support/lambda.ts';
import { tempFolder } from '../support/server.ts';

const written = readFileSync(join(root, 'dist/lambda/template.yaml'), 'utf8');
const linter = new RegoEngine();
afterAll(() => linter.free());

/** What AWS's own validator says of a template that should be deployed; hints are left out. */
function findings(text: string): string[] {
  const folder = tempFolder();
  const path = join(folder, 'template.yaml');
  writeFileSync(path, text);
  const { diagnostics } = linter.validateStandard(new TemplateFile(path), { severityLevel: 'WARN' });
  rmSync(folder, { recursive: true });
  return diagnostics.map(({ ruleId, message }) => `${ruleId} ${message}`);
}

test("the SAM template passes AWS's validator, which also expands its transform", () => {
  expect(findings(written)).toEqual([]);
});

test('the validator would find a function without a handler and a runtime that is no more', () => {
  const broken = [
    written.replace('Handler: list-jobs.handler', 'Handlr: list-jobs.handler'),
    written.replace('nodejs22.x', 'nodejs8.10'),
  ];
  for (const text of broken) expect(findings(text)).not.toEqual([]);
});

// The validator above is what npm has; AWS's linter in Python sees more (ranges, references inside the transform).
const cfnLint = spawnSync('cfn-lint', ['--version']).status === 0;
test.runIf(cfnLint)("the SAM template passes AWS's linter, too, where it is installed", () => {
  const { stdout, status } = spawnSync('cfn-lint', [join(root, 'dist/lambda/template.yaml')], { encoding: 'utf8' });
  expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
});

test('every reference leads to a parameter or a resource of the template', () => {
  const { Parameters, Resources } = template;
  const targets = [...written.matchAll(/!(?:Ref|GetAtt) ([\w:]+)/g)].map((match) => match[1] as string);
  expect(targets.length).toBeGreaterThan(20);
  const known = [...Object.keys(Parameters), ...Object.keys(Resources), 'AWS::NoValue'];
  expect(targets.filter((target) => !known.includes(target))).toEqual([]);
});

test('every secret is a parameter that CloudFormation does not show', () => {
  const { Parameters } = template;
  const secrets = Object.keys(Parameters).filter((name) => /Token|Secret|EmailUrl/.test(name));
  expect(secrets).toEqual(['LibsqlAuthToken', 'BootstrapAdminToken', 'TickSecret', 'EmailUrl', 'WebhookSecret']);
  for (const name of secrets) expect(Parameters[name], name).toMatchObject({ NoEcho: true });
});

test('every variable of the template is a setting, or one of the three that are the adapter’s own', () => {
  const names = Object.keys(template.Globals.Function.Environment.Variables);
  const own = ['LIBSQL_URL', 'LIBSQL_AUTH_TOKEN', 'PROCESSOR_URL'];
  expect(names.filter((name) => !Object.hasOwn(settingsTable, name))).toEqual(own);
  for (const [name, value] of Object.entries(template.Globals.Function.Environment.Variables)) {
    const setting = settingsTable[name as keyof typeof settingsTable];
    if (setting && typeof value === 'string') expect(setting.read(value), name).toBeDefined();
  }
});
