import { Gateway } from '../support/gateway.ts';
import type { TargetFactory } from './target.ts';

/** The built bundles inside workerd, behind the gateway Worker, over D1. */
export const d1: TargetFactory = async (settings) => {
  const gateway = await Gateway.start({ settings, plain: true });
  return {
    name: 'd1',
    call: (method, path, body, options) => gateway.call(method, path, body, options),
    async tick(name) {
      const headers = { 'x-tick-secret': settings.TICK_SECRET ?? '' };
      const { status, json } = await gateway.call('POST', `/v1/ticks/${name}`, undefined, { token: null, headers });
      if (status !== 200) throw new Error(`The tick ${name} answered ${status}: ${JSON.stringify(json)}`);
      return json;
    },
    sql: (text, ...values) => gateway.sql(text, ...values),
    close: () => gateway.close(),
  };
};
