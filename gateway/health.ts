/** Is the gateway there, and are the services behind it (gateway spec 4, "System"). */
import { fetchFrom } from '@mogplex/kit/http/service-address.ts'
import type { ServiceName } from '@mogplex/proto/services.ts'

const LIMIT_MS = 1_000

/** Whether the process runs. */
export function answerHealth(): Response {
  return Response.json({ status: 'ok' })
}

/**
 * Asks every service's `/readyz`; 503 names those that do not answer 200 within a second. Callers that come
 * while a round is under way share it, so that the public route cannot be used to load the services.
 */
export function createReadiness(urls: Record<ServiceName, string>): () => Promise<Response> {
  let round: Promise<ServiceName[]> | null = null
  return async () => {
    round ??= silentServices(urls).finally(() => {
      round = null
    })
    const services = await round
    if (services.length === 0) return Response.json({ status: 'ok' })
    return Response.json({ status: 'unavailable', services }, { status: 503 })
  }
}

async function silentServices(urls: Record<ServiceName, string>): Promise<ServiceName[]> {
  const names = Object.keys(urls) as ServiceName[]
  const answers = await Promise.all(names.map(name => isReady(urls[name])))
  return names.filter((_, index) => !answers[index])
}

async function isReady(address: string): Promise<boolean> {
  try {
    const response = await fetchFrom(address, '/readyz', {
      signal: AbortSignal.timeout(LIMIT_MS),
      redirect: 'manual',
    })
    await response.body?.cancel()
    return response.status === 200
  } catch {
    // Refused, reset or too late: not ready, which is the answer.
    return false
  }
}
