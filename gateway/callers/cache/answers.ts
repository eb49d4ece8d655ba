/**
 * Identity's answers kept under the lease (design, "Caller cache with strict revocation"): a state machine
 * without a clock or a wire of its own. What it promises, together with identity's side: an answer is never
 * found by anybody who asks after identity has answered whoever ended the credential.
 */
import { MAX_ANSWER_AGE_MS } from '@mogplex/proto/gateway-leases.ts'
import type { Lease } from './lease.ts'

/** A question to identity under way. */
export interface Lookup {
  /** Where the answer may be kept. */
  key: string
  startedAt: number
  /** The {@link Lease.possession} under which it began. */
  possession: number | null
  /** What identity ordered to drop since; the question may have been answered before. */
  dropped: Set<string>
}

export interface Kept<Answer> {
  answer: Answer
  /** The credential and its user: an order to drop any of them is about this answer. */
  ids: readonly string[]
  /** How long identity lets the answer be used, from when it was asked. */
  usableForMs: number
}

export interface KeptAnswers<Answer> {
  /** The answer that may be used at `now`, else null. */
  find: (key: string, now: number) => Answer | null
  /** Call before the question is sent, and {@link KeptAnswers.end} whatever becomes of it. */
  begin: (key: string, now: number) => Lookup
  /** Keeps the answer, unless the lookup has outlived the lease or an order to drop it. */
  fill: (lookup: Lookup, kept: Kept<Answer>, now: number) => void
  end: (lookup: Lookup) => void
  /** Forgets every answer about any of `ids`, those still under way included. */
  drop: (ids: readonly string[]) => void
  size: () => number
}

interface Entry<Answer> {
  answer: Answer
  ids: readonly string[]
  possession: number
  usableUntil: number
}

/** Beyond `maxEntries` the oldest goes first. Times are ms of the lease's clock. */
export function createKeptAnswers<Answer>(lease: Lease, maxEntries: number): KeptAnswers<Answer> {
  const entries = new Map<string, Entry<Answer>>()
  const underWay = new Set<Lookup>()

  return {
    find: (key, now) => {
      const entry = entries.get(key)
      if (!entry) return null
      if (entry.possession === lease.possession(now) && now < entry.usableUntil) return entry.answer
      entries.delete(key)
      return null
    },
    begin: (key, now) => {
      const lookup: Lookup = { key, startedAt: now, possession: lease.possession(now), dropped: new Set() }
      // Without a lease nothing will be kept, and no order has to reach it.
      if (lookup.possession !== null) underWay.add(lookup)
      return lookup
    },
    fill: ({ key, startedAt, possession, dropped }, { answer, ids, usableForMs }, now) => {
      const usableUntil = startedAt + Math.min(usableForMs, MAX_ANSWER_AGE_MS)
      if (possession === null || possession !== lease.possession(now)) return
      if (usableUntil <= now || ids.some(id => dropped.has(id))) return
      entries.delete(key)
      if (entries.size >= maxEntries) entries.delete(entries.keys().next().value ?? '')
      entries.set(key, { answer, ids, possession, usableUntil })
    },
    end: lookup => void underWay.delete(lookup),
    drop: ids => {
      for (const lookup of underWay) for (const id of ids) lookup.dropped.add(id)
      const dropped = new Set(ids)
      for (const [key, entry] of entries) if (entry.ids.some(id => dropped.has(id))) entries.delete(key)
    },
    size: () => entries.size,
  }
}
