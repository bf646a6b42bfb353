// Writes docs/escapement.postman_collection.json from dist/openapi.json: node docs/postman/generate.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { steps } from './steps.mjs';

const about = `What Escapement answers, in an order that works: run the whole collection, or send one request after another.

Set \`token\` to an admin's token. \`tickSecret\` is TICK_SECRET; while it is empty, the ticks are expected to refuse.`;

const variables = { baseUrl: 'http://127.0.0.1:8000', token: '', tickSecret: '' };

/**
 * The Postman collection (v2.1) of an OpenAPI document. Throws for a step whose operation or status it does not have.
 * @param {Record<string, any>} document
 */
export function collectionOf(document) {
  return {
    info: {
      name: 'Escapement',
      description: about,
      schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json',
    },
    variable: Object.entries(variables).map(([key, value]) => ({ key, value })),
    item: steps.map((step) => requestOf(document, step)),
  };
}

function requestOf(document, step) {
  const { path, method, operation } = operationOf(document, step.operation);
  const body = step.body ?? operation.requestBody?.content['application/json'].example;
  return {
    name: step.name,
    event: [
      ...(step.until ? [script('prerequest', ["if (pm.variables.get('tries')) setTimeout(() => {}, 300);"])] : []),
      script('test', testOf(document, step, operation)),
    ],
    request: {
      method: method.toUpperCase(),
      description: operation.summary,
      header: headersOf(step.as, body),
      url: urlOf(path, step),
      ...(body && {
        body: { mode: 'raw', raw: JSON.stringify(body, null, 2), options: { raw: { language: 'json' } } },
      }),
    },
    response: [],
  };
}

function operationOf(document, id) {
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(methods))
      if (operation.operationId === id) return { path, method, operation };
  throw new Error(`The OpenAPI document has no operation ${id}.`);
}

const script = (listen, exec) => ({ listen, script: { type: 'text/javascript', exec } });

function testOf(document, step, operation) {
  const status = step.status ?? (operation.responses[201] ? 201 : 200);
  const answer = operation.responses[status];
  if (!answer) throw new Error(`${step.operation} does not answer ${status}.`);
  const [[media, content]] = Object.entries(answer.content);
  const schema = inline(document, content.schema);
  return [
    // Nobody may run a tick while TICK_SECRET is empty.
    ...(step.as === 'tickSecret'
      ? [`const closed = !pm.variables.get('tickSecret');`, `const status = closed ? 401 : ${status};`]
      : [`const status = ${status};`]),
    `const body = pm.response.${media.startsWith('text/') ? 'text' : 'json'}();`,
    "pm.test('the status is ' + status, () => pm.response.to.have.status(status));",
    `const schema = ${JSON.stringify(schema)};`,
    `${step.as === 'tickSecret' ? 'if (!closed) ' : ''}pm.test('the answer has its shape', () => pm.expect(body).to.be.jsonSchema(schema));`,
    ...Object.entries(step.save ?? {}).map(([name, field]) => `pm.collectionVariables.set('${name}', body.${field});`),
    ...(step.until ? again(step.until) : []),
    ...(step.checks ?? []),
  ];
}

const again = (status) => [
  "const tries = Number(pm.variables.get('tries') ?? 0);",
  `if (pm.response.code === 200 && body.status !== '${status}' && tries < 60) {`,
  "  pm.collectionVariables.set('tries', tries + 1);",
  '  pm.execution.setNextRequest(pm.info.requestName);',
  '} else {',
  "  pm.collectionVariables.unset('tries');",
  `  pm.test('the job is ${status}', () => pm.expect(body.status).to.equal('${status}'));`,
  '}',
];

const headersOf = (as, body) => [
  ...(as ? [{ key: as === 'tickSecret' ? 'x-tick-secret' : 'x-user-auth', value: `{{${as}}}` }] : []),
  ...(body ? [{ key: 'content-type', value: 'application/json' }] : []),
];

function urlOf(pattern, step) {
  const path = pattern.slice(1).replaceAll(/\{(\w+)\}/g, (_, name) => step.path[name]);
  const query = Object.entries(step.query ?? {});
  const search = query.map(([key, value]) => `${key}=${value}`).join('&');
  return {
    raw: `{{baseUrl}}/${path}${search && `?${search}`}`,
    host: ['{{baseUrl}}'],
    path: path.split('/'),
    ...(search && { query: query.map(([key, value]) => ({ key, value })) }),
  };
}

/** A schema with its references to components replaced by what they name. */
function inline(document, schema) {
  const names = JSON.stringify(schema).replaceAll(/\{"\$ref":"#\/components\/schemas\/(\w+)"\}/g, (_, name) =>
    JSON.stringify(inline(document, document.components.schemas[name])),
  );
  return JSON.parse(names);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = (path) => new URL(`../../${path}`, import.meta.url);
  const document = JSON.parse(readFileSync(at('dist/openapi.json'), 'utf8'));
  writeFileSync(at('docs/escapement.postman_collection.json'), `${JSON.stringify(collectionOf(document), null, 2)}\n`);
}
