import { afterAll, beforeAll, describe, vi } from 'vitest';
import { cleanUp, Server } from '../support/server.ts';
import { deliveriesSuite } from './powers/deliveries.ts';
import { faultsSuite } from './powers/faults.ts';
import { timeSuite } from './powers/time.ts';

// Real processes of two runtimes, on machines that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describe.each(['node', 'workerd'])('In %s', (runtime) => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({
      ...{ script: 'dev', bare: true, args: ['--runtime', runtime] },
      env: {
        ...{ LEASE_MS: '2000', BACKOFF_BASE_MS: '100', BACKOFF_MAX_MS: '10800000', DLQ_REDRIVE_AFTER_MS: '3600000' },
        ...{ WEBHOOK_ALLOW_PRIVATE: 'false', EMAIL_URL: '' },
      },
    });
  });
  afterAll(cleanUp);

  deliveriesSuite(() => server, runtime);
  faultsSuite(() => server);
  // Last: it moves the clock by hours, and ends with the end of the system.
  timeSuite(() => server);
});
