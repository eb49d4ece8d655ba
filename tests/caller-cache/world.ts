/**
 * Gateways, identity and the network between them as one deterministic machine for the interleaving test:
 * the real state machines of both sides, a database and a network that exist only as data. Every message and
 * every statement waits in `pending` until the test delivers or loses it; clocks run at rates of their own.
 */
import { createKeptAnswers, type KeptAnswers } from '../../gateway/callers/cache/answers.ts'
import { createLease, type Lease } from '../../gateway/callers/cache/lease.ts'
import { isRunning, type LeaseRow, renewed } from '../../services/identity/gateway-leases/lease.ts'
import { tellHolder } from '../../services/identity/gateway-leases/tell-holder.ts'

interface Gateway {
  id: string
  lease: Lease
  answers: KeptAnswers<string>
  /** ms of its own clock for each true ms. */
  rate: number
  isAlive: boolean
}

interface Pending {
  deliver: () => void
  lose: () => void
}

export interface Clocks {
  gatewayRates: readonly number[]
  databaseRate: number
}

/** Which user each credential belongs to. */
export const OWNERS: Readonly<Record<string, string>> = { c0: 'u0', c1: 'u0', c2: 'u1' }
const USABLE_FOR_MS = 60_000

export function createWorld({ gatewayRates, databaseRate }: Clocks) {
  let time = 0
  let nextId = 0
  const newId = (kind: string) => {
    nextId += 1
    return `${kind}-${nextId}`
  }
  const newGateway = (rate: number): Gateway => {
    const lease = createLease()
    return { id: newId('gateway'), lease, answers: createKeptAnswers(lease, 100), rate, isAlive: true }
  }
  const gateways = gatewayRates.map(newGateway)
  const clockOf = ({ rate }: Gateway) => time * rate
  const databaseNow = () => 1_000_000 + time * databaseRate

  const rows = new Map<string, LeaseRow>()
  const locked = new Set<string>()
  const ended = new Set<string>()
  const answered = new Set<string>()
  const pending: Pending[] = []
  const violations: string[] = []
  const seen = { hits: 0, revocations: 0 }

  const isValid = (credential: string) => !ended.has(credential) && !ended.has(OWNERS[credential] ?? '')
  const isAnswered = (credential: string) =>
    answered.has(credential) || answered.has(OWNERS[credential] ?? '')

  /** A question that may be lost on its way there, and its reply on the way back. */
  const ask = <Reply>(compute: () => Reply, onReply: (reply: Reply) => void, onLoss: () => void) => {
    const deliver = () => {
      const reply = compute()
      pending.push({ deliver: () => onReply(reply), lose: onLoss })
    }
    pending.push({ deliver, lose: onLoss })
  }
  /** A statement that waits for a row another transaction holds. It is late, but never lost. */
  const whenUnlocked = (gatewayId: string, statement: () => void) => {
    const attempt = () => {
      if (locked.has(gatewayId)) pending.push({ deliver: attempt, lose: attempt })
      else statement()
    }
    pending.push({ deliver: attempt, lose: attempt })
  }

  const renew = (gateway: Gateway) => {
    const sentAt = clockOf(gateway)
    const granted = (term: string) => {
      if (gateway.isAlive) gateway.lease.granted({ sentAt, term }, clockOf(gateway))
    }
    const arrive = () => {
      // Read before the row is locked, as the database may do.
      const now = databaseNow()
      whenUnlocked(gateway.id, () => {
        const next = renewed(rows.get(gateway.id) ?? null, newId('term'), now)
        if (!next) return
        locked.add(gateway.id)
        const commit = () => {
          locked.delete(gateway.id)
          rows.set(gateway.id, next)
          pending.push({ deliver: () => granted(next.term), lose: () => undefined })
        }
        pending.push({ deliver: commit, lose: commit })
      })
    }
    pending.push({ deliver: arrive, lose: () => undefined })
  }

  const request = (gateway: Gateway, credential: string) => {
    const wasAnswered = isAnswered(credential)
    const accept = (how: string) => {
      if (wasAnswered) violations.push(`${credential} accepted by ${gateway.id}: ${how}`)
    }
    if (gateway.answers.find(credential, clockOf(gateway)) !== null) {
      seen.hits += 1
      return accept('kept')
    }
    const lookup = gateway.answers.begin(credential, clockOf(gateway))
    const onReply = (valid: boolean) => {
      const ids = [credential, OWNERS[credential] ?? '']
      if (valid) {
        accept('asked')
        gateway.answers.fill(
          lookup,
          { answer: credential, ids, usableForMs: USABLE_FOR_MS },
          clockOf(gateway),
        )
      }
      gateway.answers.end(lookup)
    }
    ask(
      () => isValid(credential),
      onReply,
      () => gateway.answers.end(lookup),
    )
  }

  const tellTo = (gatewayId: string, id: string) => {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const holder = gateways.find(gateway => gateway.id === gatewayId)
    if (holder)
      ask(
        () => holder.answers.drop([id]),
        () => resolve(true),
        () => resolve(false),
      )
    else pending.push({ deliver: () => resolve(false), lose: () => resolve(false) })
    return promise
  }

  const refuse = (gatewayId: string, term: string) => {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    whenUnlocked(gatewayId, () => {
      const row = rows.get(gatewayId)
      const isHeld = row !== undefined && row.term === term && isRunning(row, databaseNow())
      if (isHeld) rows.set(gatewayId, { ...row, isRenewable: false })
      resolve(isHeld)
    })
    return promise
  }

  /** `id` is a credential's or a user's. Ends at once; is answered when the protocol says so. */
  const revoke = (id: string) => {
    ended.add(id)
    const listed = () => {
      const holders = [...rows].filter(([, row]) => isRunning(row, databaseNow()))
      const told = holders.map(([gatewayId, { term }]) =>
        tellHolder({
          tell: () => tellTo(gatewayId, id),
          refuseRenewal: () => refuse(gatewayId, term),
          pause: () => Promise.resolve(),
        }),
      )
      void Promise.all(told).then(() => {
        answered.add(id)
        seen.revocations += 1
      })
    }
    pending.push({ deliver: listed, lose: listed })
  }

  const restart = (index: number) => {
    const old = gateways[index]
    if (!old) return
    old.isAlive = false
    gateways[index] = newGateway(old.rate)
  }

  return {
    ...{ gateways, pending, violations, seen, renew, request, revoke, restart },
    gatewayAt: (index: number) => {
      const gateway = gateways[index]
      if (!gateway) throw new Error(`no gateway ${index}`)
      return gateway
    },
    pass: (ms: number) => {
      time += ms
    },
  }
}

export type World = ReturnType<typeof createWorld>
