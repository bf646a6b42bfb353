import { compile, TreeInterpreter } from '@jmespath-community/jmespath';

/** Most steps of an evaluation, each counted with the size of what it comes to: bounds its time. */
const MAX_WORK = 3_000_000;
/** Most elements, members and characters of any value in it, parts of parts included: bounds its memory. */
const MAX_WEIGHT = 1_000_000;

type Visit = typeof TreeInterpreter.visit;
type Scope = Parameters<typeof TreeInterpreter.withScope>[0];
const Unbounded = TreeInterpreter.constructor as new () => typeof TreeInterpreter;

/** The value of an expression. Throws an Error where it has none, or would take too long or too much memory. */
export const evaluate = (input: unknown, expression: string): unknown =>
  new Bounded().search(compile(expression), input as never);

/** JMESPath always ends, but `[@,@]|[@,@]|…` doubles with each step: the library's interpreter, with a budget. */
class Bounded extends Unbounded {
  budget = { left: MAX_WORK };

  constructor() {
    super();
    const { runtime } = this;
    const call = runtime.callFunction.bind(runtime);
    runtime.callFunction = (name, args) => {
      // The library would find what its table inherits.
      if (name in Object.prototype) throw new Error(`Unknown function: ${name}()`);
      if ((growth[name]?.(...(args as never[])) ?? 0) > MAX_WEIGHT) throw tooMuch();
      return call(name, args);
    };
  }

  override visit(...step: Parameters<Visit>): ReturnType<Visit> {
    const made = isForeign(...step) ? null : super.visit(...step);
    this.budget.left -= 1 + sizeOf(made);
    if (this.budget.left < 0 || weightOf(made) > MAX_WEIGHT) throw tooMuch();
    return made;
  }

  override withScope(scope: Scope): typeof TreeInterpreter {
    const { _rootValue, _scope } = super.withScope(scope) as unknown as Record<'_rootValue' | '_scope', unknown>;
    return Object.assign(new Bounded(), { budget: this.budget, _rootValue, _scope });
  }
}

/** Whether a step asks a value for a field that it only inherits. Throws for one that would change what a value inherits. */
function isForeign(step: Parameters<Visit>[0], value: unknown): boolean {
  if (step.type === 'MultiSelectHash' && step.children.some(({ name }) => name === '__proto__'))
    throw new Error('a key may not be __proto__');
  return step.type === 'Field' && !Object.hasOwn(Object(value), step.name);
}

/** Characters of what these functions come to, before they make it; wrong types are left to them to refuse. */
const growth: Record<string, (...args: never[]) => number> = {
  pad_left: (_: string, width: number) => width,
  pad_right: (_: string, width: number) => width,
  join: (glue: string, list: string[]) => glue.length * list.length,
  replace: (text: string, _: string, by: string) => (text.length + 1) * by.length,
};

const tooMuch = () => new Error(`it takes more than ${MAX_WORK} steps, or makes more than ${MAX_WEIGHT} values`);

const sizeOf = (value: unknown): number =>
  typeof value === 'string' ? value.length : typeof value === 'object' && value ? Object.keys(value).length : 0;

const weights = new WeakMap<object, number>();

/** How much a value holds, a part as often as it is held. Values are made of parts that were weighed before. */
function weightOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1 + sizeOf(value);
  const known = weights.get(value);
  if (known !== undefined) return known;
  const weight = Object.values(value).reduce((sum: number, part) => sum + weightOf(part), 1);
  weights.set(value, weight);
  return weight;
}
