/**
 * The waiting line in front of password hashes. Each takes tens of milliseconds of a processor and 19 MiB, so
 * only as many run at once as there are processors, only so many wait, and strangers who make a crowd do not
 * stand before somebody who is known.
 */
import { unavailable } from '@mogplex/kit/errors.ts'

/** `known`: a browser that has signed in to the account before, or a session of it. */
const LANES = ['known', 'sign-in', 'sign-up'] as const
export type Lane = (typeof LANES)[number]

/** Whose turn it is next, if anybody waits there; nobody is passed over for ever. */
const ROTA: readonly Lane[] = ['known', 'sign-in', 'known', 'sign-up']

/** Who waits. */
export interface Turn {
  lane: Lane
  /** Those of one address take turns with those of others; null is an address like any. */
  address: string | null
}

export interface PasswordQueue {
  /** Does `work` when it is its turn; 503 when too many wait. */
  run: <T>(turn: Turn, work: () => Promise<T>) => Promise<T>
}

interface Waiter {
  start: () => void
  refuse: (error: Error) => void
}

type Line = Map<string, Waiter[]>

const RETRY_AFTER_SECONDS = 2

/** `maxWaiting` is for each lane. */
export function createPasswordQueue(options: { concurrency: number; maxWaiting: number }): PasswordQueue {
  const { concurrency, maxWaiting } = options
  const lines: Record<Lane, Line> = { known: new Map(), 'sign-in': new Map(), 'sign-up': new Map() }
  let running = 0
  let turns = 0

  const startNext = () => {
    const due = ROTA[turns++ % ROTA.length] ?? 'known'
    const lane = lines[due].size > 0 ? due : LANES.find(each => lines[each].size > 0)
    if (lane) takeFirst(lines[lane]).start()
  }
  const wait = ({ lane, address }: Turn) =>
    new Promise<void>((resolve, reject) => {
      const line = lines[lane]
      const key = address ?? ''
      if (sizeOf(line) >= maxWaiting) makeRoom(line, key)
      line.set(key, [...(line.get(key) ?? []), { start: resolve, refuse: reject }])
    })

  return {
    run: async (turn, work) => {
      if (running >= concurrency) await wait(turn)
      else running += 1
      try {
        return await work()
      } finally {
        // Whoever is next takes the place over, so that nobody who comes just now is before them.
        if (LANES.some(lane => lines[lane].size > 0)) startNext()
        else running -= 1
      }
    },
  }
}

function sizeOf(line: Line): number {
  return line.values().reduce((sum, waiters) => sum + waiters.length, 0)
}

/** The address whose turn it is goes to the end of the line with whoever else waits there. */
function takeFirst(line: Line): Waiter {
  const [[key, [first, ...rest]] = ['', []]] = line
  if (!first) throw new Error('nobody waits')
  line.delete(key)
  if (rest.length > 0) line.set(key, rest)
  return first
}

/** The latest of the address that has most waiting gives way to one that has fewer; otherwise this throws. */
function makeRoom(line: Line, newcomer: string): void {
  const [busiest = '', waiters = []] = [...line].toSorted(([, a], [, b]) => b.length - a.length)[0] ?? []
  const last = waiters.at(-1)
  if (!last || waiters.length <= (line.get(newcomer)?.length ?? 0) + 1) throw busy()
  line.set(busiest, waiters.slice(0, -1))
  last.refuse(busy())
}

function busy(): Error {
  return unavailable('Too many sign-ins at once; try again in a moment', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  })
}
