/**
 * The environment, parsed once per process into a frozen, typed value. Nothing else reads the environment.
 */
import type { Static, TObject } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'

/** A missing or wrong setting; the message names the setting and what it is for. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

/**
 * Picks the settings of `schema` out of `environment`, applies defaults and converts texts to the declared
 * types. A blank text counts as unset. Throws {@link ConfigError} listing every fault at once.
 *
 * @example
 * const config = readConfig(Type.Object({ PORT: Type.Integer({ description: 'port to listen on' }) }), process.env)
 */
export function readConfig<Schema extends TObject>(
  schema: Schema,
  environment: Record<string, string | undefined>,
): Readonly<Static<Schema>> {
  const raw: Record<string, string> = {}
  for (const name of Object.keys(schema.properties)) {
    const text = environment[name]?.trim()
    if (text) raw[name] = text
  }
  const value = Value.Convert(schema, Value.Default(schema, { ...raw })) as Record<string, unknown>
  for (const [name, text] of Object.entries(raw)) {
    // Left to TypeBox, `true` and `1e3` would be 1, and `0.5` would be 0.
    if (schema.properties[name]?.type === 'integer' && !/^-?\d+$/.test(text)) value[name] = text
  }
  if (Value.Check(schema, value)) return Object.freeze(value)
  const faults = [...Value.Errors(schema, value)].map(fault => {
    const name = fault.path.slice(1).split('/')[0] ?? ''
    const purpose = schema.properties[name]?.description
    return `${name}: ${raw[name] === undefined ? 'is not set' : fault.message}${purpose ? ` (${purpose})` : ''}`
  })
  throw new ConfigError([...new Set(faults)].join('\n'))
}

/** Splits a comma list, dropping blanks. */
export function commaList(text: string): string[] {
  return text
    .split(',')
    .map(entry => entry.trim())
    .filter(entry => entry !== '')
}
