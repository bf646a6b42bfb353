import * as z from 'zod/mini';
import type { Schema } from '../core/validate.ts';

// biome-ignore lint/suspicious/noExplicitAny: a JSON document that is written, not read
export type Json = Record<string, any>;

/** Turns zod schemas into the JSON Schemas of an OpenAPI 3.1 document; those with an id become components. */
export class Schemas {
  readonly components: Record<string, Json> = {};

  /** A schema as it stands in the document: inline, or a reference to a component. */
  use(schema: Schema, io: 'input' | 'output'): Json {
    // Wrapped, so that a schema with an id is a reference even where it is the whole.
    const { properties, $defs = {} } = z.toJSONSchema(z.object({ it: schema }), { io }) as Json;
    for (const [id, definition] of Object.entries($defs as Record<string, Json>))
      this.components[id] = tidy(definition);
    return tidy(properties.it);
  }

  /** The properties of an object schema as parameters of an operation. */
  parameters(schema: Schema | undefined, place: 'path' | 'query' | 'header'): Json[] {
    if (!schema) return [];
    const { properties, required = [] } = this.use(schema, 'input');
    return Object.entries(properties as Record<string, Json>).map(([name, { description, ...rest }]) => ({
      name: place === 'header' ? name.replace(/(^|-)\w/g, (start) => start.toUpperCase()) : name,
      in: place,
      required: required.includes(name),
      ...(description && { description }),
      schema: rest,
    }));
  }
}

const tidy = (schema: Json): Json =>
  JSON.parse(
    JSON.stringify(schema, (key, value) => (key === 'id' && typeof value === 'string' ? undefined : value)).replaceAll(
      '#/$defs/',
      '#/components/schemas/',
    ),
  );
