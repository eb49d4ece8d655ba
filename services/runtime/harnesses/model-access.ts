/**
 * Which model a run's CLI is pointed at, and how it gets there (runtime spec 3.1, "Model", "Model base URLs"): by an
 * address inside the sandbox, from where requests are carried to the endpoint and get the key on the way.
 */
import type { EndpointCredential, ProxiedEndpoint } from '../sandboxes/provider.ts'
import type { HarnessInput, ModelCredential } from './harness.ts'

/** On the sandbox's loopback. */
const MODEL_PORT = 3129

/** Where the model is, seen from inside every sandbox. */
export const MODEL_ORIGIN = `http://127.0.0.1:${MODEL_PORT}`

/** What a CLI is told to be the key; the real one takes its place outside. */
export const PLACEHOLDER_KEY = 'placeholder-of-the-sandbox'

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

/** The endpoint that answers at {@link MODEL_ORIGIN} under the paths of `baseUrl`. */
export function modelEndpoint(baseUrl: string, credential: ModelCredential | null): ProxiedEndpoint {
  return { port: MODEL_PORT, baseUrl, credential: credential && headerOf(credential) }
}

/** The same base URL, as the CLI has to ask for it. */
export function insideSandbox(baseUrl: string): string {
  return MODEL_ORIGIN + new URL(baseUrl).pathname.replace(/\/+$/, '')
}

/** Anthropic has a header of its own; OpenAI and gateways take a bearer token. */
function headerOf({ provider, key }: ModelCredential): EndpointCredential {
  return provider === 'anthropic'
    ? { header: 'x-api-key', prefix: '', secret: key }
    : { header: 'authorization', prefix: 'Bearer ', secret: key }
}

/** The repository's variables without those the CLI itself would read its access and settings from. */
export function repositoryEnvWithout(
  repositoryEnv: Record<string, string>,
  reserved: RegExp,
): Record<string, string> {
  return Object.fromEntries(Object.entries(repositoryEnv).filter(([name]) => !reserved.test(name)))
}
