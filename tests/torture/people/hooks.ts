import { Receiver } from '../../support/receiver.ts';

/** What one order's webhook has brought: a call for each run, and the webhook-ids they named. */
export interface Calls {
  runs: number;
  ids: Set<string>;
}

/** Receives webhooks and counts the runs of each order. It answers the number of the run, so a result names its run. */
export class Hooks {
  readonly calls = new Map<string, Calls>();
  readonly #receiver: Receiver;

  private constructor(receiver: Receiver) {
    this.#receiver = receiver;
    receiver.reply = (response, { path, headers }) => {
      receiver.requests.length = 0;
      const [, sort, number = ''] = path.split('/');
      const calls = this.calls.get(number) ?? { runs: 0, ids: new Set() };
      this.calls.set(number, calls);
      calls.runs += 1;
      calls.ids.add(String(headers['webhook-id']));
      const fails = sort === 'failing' || (sort === 'flaky' && calls.runs === 1);
      response.writeHead(fails ? 500 : 200).end(`run ${calls.runs}`);
    };
  }

  static open = async (): Promise<Hooks> => new Hooks(await Receiver.start());

  get url(): string {
    return `http://127.0.0.1:${this.#receiver.port}`;
  }

  close = (): Promise<void> => this.#receiver.close();
}
