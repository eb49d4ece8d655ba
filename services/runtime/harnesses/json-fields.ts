/** Careful reading of what a CLI prints: any field may be missing or of another type. */

export type JsonObject = Record<string, unknown>

/** The line as a JSON object; null when it is anything else. */
export function parseObject(line: string): JsonObject | null {
  if (!line.trimStart().startsWith('{')) return null
  try {
    const value: unknown = JSON.parse(line)
    return isObject(value) ? value : null
  } catch {
    // Not JSON after all: the caller keeps such a line as plain output.
    return null
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function objectAt(object: JsonObject | null | undefined, key: string): JsonObject | null {
  const value = object?.[key]
  return isObject(value) ? value : null
}

/** The objects of an array field; none when it is no array. */
export function objectsAt(object: JsonObject | null | undefined, key: string): JsonObject[] {
  const value = object?.[key]
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** A non-empty string field, else null. */
export function textAt(object: JsonObject | null | undefined, key: string): string | null {
  const value = object?.[key]
  return typeof value === 'string' && value !== '' ? value : null
}

/** A finite number of at least 0, else null. */
export function amountAt(object: JsonObject | null | undefined, key: string): number | null {
  const value = object?.[key]
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null
}

/** A whole number of at least 0 that the database can hold, else null. */
export function countAt(object: JsonObject | null | undefined, key: string): number | null {
  const value = amountAt(object, key)
  return value !== null && Number.isSafeInteger(value) ? value : null
}
