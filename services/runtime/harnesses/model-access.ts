/** Which model and which base URL a run's CLI is pointed at (runtime spec 3.1, "Model", "Model base URLs"). */
import type { HarnessInput } from './harness.ts'

/** The model id as the CLI's provider knows it; null: the CLI's own default. */
export function modelArgument({ model, credential }: HarnessInput): string | null {
  if (!model || credential?.provider === 'ai_gateway') return model
  return model.replace(/^(?:openai|anthropic)\//, '')
}

/**
 * The base URL the key belongs to, without a slash at its end: the gateway's for a gateway key, else the
 * provider's own. Throws when a gateway key comes without a gateway: a key is never sent elsewhere.
 */
export function baseUrlFor(input: HarnessInput, providerBaseUrl: string): string {
  if (input.credential?.provider !== 'ai_gateway') return providerBaseUrl.replace(/\/+$/, '')
  if (!input.aiGatewayBaseUrl) {
    throw new Error('An ai_gateway key needs AI_GATEWAY_BASE_URL: it belongs to no other endpoint')
  }
  return input.aiGatewayBaseUrl.replace(/\/+$/, '')
}

/** The repository's variables without those the CLI itself would read its access and settings from. */
export function repositoryEnvWithout(
  repositoryEnv: Record<string, string>,
  reserved: RegExp,
): Record<string, string> {
  return Object.fromEntries(Object.entries(repositoryEnv).filter(([name]) => !reserved.test(name)))
}
