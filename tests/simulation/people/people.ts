import { ADMIN } from '../world/host.ts';
import type { World } from '../world/world.ts';
import { judgeLook, look } from './looks.ts';
import { cancel, judgeOperation, redrive } from './operations.ts';
import { Orders } from './orders.ts';
import { type Answer, type Person, Post } from './post.ts';

/** Everybody who sends requests: an admin, and users who own jobs. */
export class People {
  readonly all: Person[] = [{ id: 'bootstrap', token: ADMIN, admin: true }];
  readonly post: Post;
  readonly orders: Orders;
  /** How many jobs were accepted after the faults had stopped. */
  lastOrders = 0;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    this.post = new Post(world);
    this.orders = new Orders(world);
  }

  /** Creates a user, by the real function. */
  join(name: string): void {
    const [who] = this.all as [Person];
    const judge = ({ status, body }: Answer) => {
      if (status === 201) this.all.push({ id: body.id, token: body.token, admin: false });
    };
    this.post.send({ who, endpoint: 'create-user', path: '/v1/users', body: { name, role: 'user' }, judge });
  }

  /** Schedules something. */
  request(): void {
    const ask = this.orders.next(this.#someone());
    this.post.send(ask);
    // Somebody who clicks twice.
    if (ask.keyed && this.#world.chance.people.yes(0.4) && this.#world.faults.inject('repeat')) this.post.send(ask);
  }

  /** Schedules one more job of the simplest kind. */
  lastOrder(): void {
    const ask = this.orders.plain(this.#someone());
    const judge = (answer: Answer) => {
      ask.judge(answer, ask);
      this.lastOrders += 1;
    };
    this.post.send({ ...ask, judge });
  }

  look(): void {
    this.post.send({ ...look(this.#world, this.#someone()), judge: judgeLook.bind(null, this.#world) });
  }

  cancel(): void {
    this.post.send({ ...cancel(this.#world, this.#someone()), judge: judgeOperation.bind(null, this.#world) });
  }

  redrive(): void {
    this.post.send({ ...redrive(this.#world, this.#someone()), judge: judgeOperation.bind(null, this.#world) });
  }

  #someone(): Person {
    return this.#world.chance.people.pick(this.all);
  }
}
