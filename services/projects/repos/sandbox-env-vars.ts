/** `sandbox_env_vars` (projects spec 2.5). */
import { badRequest } from '@mogplex/kit/errors.ts'

const KEY = /^[A-Za-z_][A-Za-z0-9_]*$/
const MAX_KEY = 256
const MAX_KEYS = 200
const MAX_VALUE = 65_536
/** All of them as JSON, in bytes: they must fit into one message to runtime. */
const MAX_TOTAL = 512 * 1024

const DOUBLE_QUOTED = /^"((?:[^"\\]|\\[\s\S])*)"$/
const SINGLE_QUOTED = /^'((?:[^'\\]|\\[\s\S])*)'$/
const UNESCAPED: Record<string, string> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' }

/** The whole map; what is no object is an empty one. 400 names the key, never a value. */
export function readSandboxEnvVars(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
  const entries = new Map<string, string>()
  for (const [written, member] of Object.entries(value)) {
    const key = written.trim()
    if (key === '') continue
    if (!KEY.test(key) || key.length > MAX_KEY)
      throw wrong(`a key must be letters, digits and _, not begin with a digit, at most ${MAX_KEY} long`)
    const text = unquote(textOf(member))
    if (text.length > MAX_VALUE) throw wrong(`${key} must have at most ${MAX_VALUE} characters`)
    entries.set(key, text)
  }
  if (entries.size > MAX_KEYS) throw wrong(`at most ${MAX_KEYS} keys`)
  // Defines own members, whatever they are called.
  const map = Object.fromEntries(entries)
  if (Buffer.byteLength(JSON.stringify(map)) > MAX_TOTAL) throw wrong(`at most ${MAX_TOTAL} bytes in all`)
  return map
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/**
 * The inside of a value that is one quoted text, as people paste them from `.env` files. Quotes that do not
 * enclose the whole value are part of it.
 */
export function unquote(value: string): string {
  const trimmed = value.trim()
  const double = DOUBLE_QUOTED.exec(trimmed)?.[1]
  if (double !== undefined)
    return double.replace(/\\([\s\S])/g, (whole, char: string) => UNESCAPED[char] ?? whole)
  const single = SINGLE_QUOTED.exec(trimmed)?.[1]
  return single === undefined ? value : single.replace(/\\(['\\])/g, '$1')
}

function wrong(reason: string) {
  return badRequest(`sandbox_env_vars: ${reason}`, { field: 'sandbox_env_vars' })
}
