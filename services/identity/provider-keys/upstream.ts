/** How each provider says whether a key is good (identity spec 7). */
import type { IdentityConfig } from '../environment.ts'
import type { Provider } from '../models/models.ts'

/** Where the check call goes and what it carries. */
export interface CheckCall {
  url: string
  headers: Record<string, string>
}

type Bases = Pick<
  IdentityConfig,
  'OPENAI_BASE_URL' | 'ANTHROPIC_BASE_URL' | 'OPENROUTER_BASE_URL' | 'AI_GATEWAY_BASE_URL'
>

const ANTHROPIC_VERSION = '2023-06-01'

/** Null when the instance has no address for the provider. */
export function checkCall(provider: Provider, key: string, bases: Bases): CheckCall | null {
  const bearer = { authorization: `Bearer ${key}` }
  switch (provider) {
    case 'openai':
      return { url: join(bases.OPENAI_BASE_URL, '/models'), headers: bearer }
    case 'openrouter':
      return { url: join(bases.OPENROUTER_BASE_URL, '/auth/key'), headers: bearer }
    case 'anthropic':
      return {
        url: join(anthropicApi(bases.ANTHROPIC_BASE_URL), '/models'),
        headers: { 'x-api-key': key, 'anthropic-version': ANTHROPIC_VERSION },
      }
    case 'ai_gateway':
      return bases.AI_GATEWAY_BASE_URL
        ? { url: join(bases.AI_GATEWAY_BASE_URL, '/models'), headers: bearer }
        : null
  }
}

function join(base: string, path: string): string {
  return base.replace(/\/+$/, '') + path
}

/** Claude Code wants the base without the version, other clients with it: either is understood. */
function anthropicApi(base: string): string {
  const trimmed = base.replace(/\/+$/, '')
  return trimmed.endsWith('/v1') ? trimmed : `${trimmed}/v1`
}

export interface KeyVerdict {
  /** Null: could not be found out, and the key is not blamed. */
  isValid: boolean | null
  error: string | null
}

/**
 * Asks the provider, waiting `limitMs` at most. Only 401 and 403 condemn a key; an outage, a redirect or an
 * odd answer is "unknown". Nothing of the answer but its status is read.
 */
export async function askProvider(call: CheckCall, limitMs: number): Promise<KeyVerdict> {
  const status = await statusOf(call, limitMs)
  if (status === null) return unknown('The provider could not be reached; try again')
  if ((status >= 200 && status < 300) || status === 429) return { isValid: true, error: null }
  if (status === 401 || status === 403) return { isValid: false, error: 'Invalid API key' }
  return unknown('The provider gave no clear answer; try again')
}

function unknown(error: string): KeyVerdict {
  return { isValid: null, error }
}

async function statusOf({ url, headers }: CheckCall, limitMs: number): Promise<number | null> {
  try {
    const response = await fetch(url, {
      headers,
      redirect: 'manual',
      keepalive: false,
      signal: AbortSignal.timeout(limitMs),
    })
    await response.body?.cancel()
    return response.status
  } catch {
    // Refused, timed out, not HTTP, or a key no header can carry: the caller says "try again" for all.
    return null
  }
}
