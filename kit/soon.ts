/** Answers that mostly are there already: a promise for them would cost more than finding them does. */

export type Soon<Value> = Value | Promise<Value>

/** `next` of the value, at once if it is there. */
export function whenThere<Value, Next>(value: Soon<Value>, next: (value: Value) => Soon<Next>): Soon<Next> {
  return value instanceof Promise ? value.then(next) : next(value)
}
