/** An HTTP event of API Gateway, payload format 2.0, in the form that its documentation shows. */
export interface HttpEvent {
  method: string;
  /** Path and query string as the client wrote them. */
  target: string;
  /** Header lines; API Gateway lowers their names and joins those that came more than once. */
  headers?: [string, string][];
  body?: string | Uint8Array;
  sourceIp?: string;
  routeKey?: string;
  pathParameters?: Record<string, string>;
}

export function httpEvent({
  method,
  target,
  headers = [],
  body,
  sourceIp = '203.0.113.7',
  ...route
}: HttpEvent): object {
  const { pathname, search, searchParams } = new URL(target, 'http://test');
  const joined: Record<string, string> = { host: 'abcd1234.execute-api.eu-central-1.amazonaws.com' };
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    joined[key] = key in joined ? `${joined[key]},${value}` : value;
  }
  const names = [...new Set(searchParams.keys())];
  const { routeKey = '$default', pathParameters } = route;
  return {
    version: '2.0',
    routeKey,
    rawPath: pathname,
    rawQueryString: search.slice(1),
    headers: joined,
    ...(names.length > 0 && {
      queryStringParameters: Object.fromEntries(names.map((name) => [name, searchParams.getAll(name).join(',')])),
    }),
    requestContext: {
      accountId: '123456789012',
      apiId: 'abcd1234',
      domainName: 'abcd1234.execute-api.eu-central-1.amazonaws.com',
      domainPrefix: 'abcd1234',
      http: { method, path: pathname, protocol: 'HTTP/1.1', sourceIp, userAgent: 'test' },
      requestId: 'JKJaXmPLvHcESHA=',
      routeKey,
      stage: '$default',
      time: '24/Nov/2026:10:00:00 +0000',
      timeEpoch: 1795514400000,
    },
    ...(pathParameters && { pathParameters }),
    ...(body !== undefined && { body: typeof body === 'string' ? body : Buffer.from(body).toString('base64') }),
    isBase64Encoded: body instanceof Uint8Array,
  };
}

/** What a schedule of EventBridge sends, as its documentation shows it. */
export const scheduledEvent = (source: 'aws.events' | 'aws.scheduler' = 'aws.events'): object => ({
  version: '0',
  id: '53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa',
  'detail-type': 'Scheduled Event',
  source,
  account: '123456789012',
  time: '2026-11-24T10:00:00Z',
  region: 'eu-central-1',
  resources: ['arn:aws:events:eu-central-1:123456789012:rule/escapement-ProcessBatchSchedule'],
  detail: source === 'aws.events' ? {} : '{}',
});
