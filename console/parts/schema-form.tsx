import { useId } from 'preact/hooks';
import type { JsonSchema } from '../types.ts';

/** What stands in the fields, by the name of the property, as text; empty ones are left out of the payload. */
export type Entries = Record<string, string>;

const isLong = (name: string, { maxLength = 0 }: JsonSchema) =>
  maxLength > 2048 || /^(text|html|body|expression)$/.test(name);
const isJson = ({ type }: JsonSchema) => type === undefined || type === 'object' || type === 'array';

/** The entries that stand for a payload. */
export function entriesOf(schema: JsonSchema, payload: Record<string, unknown>): Entries {
  const shown = (name: string, part: JsonSchema) => {
    const value = payload[name];
    if (value === undefined) return '';
    return isJson(part) ? JSON.stringify(value, null, 2) : String(value);
  };
  return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, part]) => [name, shown(name, part)]));
}

/** The payload that the entries stand for. Throws an Error that names the field which is no JSON. */
export function payloadOf(schema: JsonSchema, entries: Entries): Record<string, unknown> {
  const payload: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(schema.properties ?? {})) {
    const text = entries[name] ?? '';
    if (text === '' && !(part.type === 'string' && schema.required?.includes(name))) continue;
    payload[name] = fieldValue(name, part, text);
  }
  return payload;
}

function fieldValue(name: string, part: JsonSchema, text: string): unknown {
  if (part.type === 'integer' || part.type === 'number') return Number(text);
  if (part.type === 'boolean') return text === 'true';
  if (!isJson(part)) return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${name} is not JSON. A text is JSON in double quotes: "like this".`);
  }
}

interface FieldProps {
  name: string;
  schema: JsonSchema;
  required: boolean;
  value: string;
  onChange(value: string): void;
}

/** One field for each property of a JSON Schema. */
export const SchemaForm = (props: { schema: JsonSchema; entries: Entries; onChange(entries: Entries): void }) => (
  <>
    {Object.entries(props.schema.properties ?? {}).map(([name, schema]) => (
      <SchemaField
        key={name}
        name={name}
        schema={schema}
        required={props.schema.required?.includes(name) ?? false}
        value={props.entries[name] ?? ''}
        onChange={(value) => props.onChange({ ...props.entries, [name]: value })}
      />
    ))}
  </>
);

function SchemaField({ name, schema, required, value, onChange }: FieldProps) {
  const id = useId();
  const common = { id, name, required, value, spellcheck: false };
  const onInput = (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value);
  const hint = [isJson(schema) ? 'JSON' : schema.type, !required && 'may be left out'].filter(Boolean).join(', ');
  return (
    <div class="field">
      <label for={id}>
        <code>{name}</code> <small>{schema.description ?? hint}</small>
      </label>
      {schema.enum || schema.type === 'boolean' ? (
        <select {...common} onChange={onInput}>
          {!required && <option value="">–</option>}
          {(schema.enum ?? ['true', 'false']).map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      ) : isJson(schema) || isLong(name, schema) ? (
        <textarea {...common} rows={Math.min(10, Math.max(2, value.split('\n').length))} onInput={onInput} />
      ) : (
        <TextOrNumber schema={schema} {...common} onInput={onInput} />
      )}
    </div>
  );
}

interface InputProps {
  schema: JsonSchema;
  id: string;
  name: string;
  required: boolean;
  value: string;
  onInput(event: { currentTarget: { value: string } }): void;
}

const TextOrNumber = ({ schema: { type, format, minimum, maximum, maxLength }, ...common }: InputProps) => {
  if (type === 'integer' || type === 'number')
    return (
      <input
        type="number"
        {...bounds({ min: minimum, max: maximum })}
        step={type === 'integer' ? 1 : 'any'}
        {...common}
      />
    );
  if (format === 'email') return <input type="email" {...bounds({ maxLength })} {...common} />;
  return <input type="text" {...bounds({ maxLength })} {...common} />;
};

/** Those that are set. */
const bounds = (given: Record<string, number | undefined>): Record<string, number> =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Record<string, number>;
