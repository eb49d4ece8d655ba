/** Addresses in settings that secrets travel to. */
import { ConfigError } from './config.ts'

/**
 * The address without a slash at the end. Throws {@link ConfigError} for text that is none, and in production
 * for one where secrets would leave this machine unencrypted.
 *
 * @example
 * readWebAddress('GITHUB_API_URL', 'https://git.corp/api/v3/', { isProduction: true }) // https://git.corp/api/v3
 */
export function readWebAddress(
  setting: string,
  written: string,
  { isProduction }: { isProduction: boolean },
): string {
  const url = URL.parse(written)
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash)
    throw new ConfigError(`${setting}: is not a valid address`)
  if (url.protocol === 'http:' && isProduction && !isLoopback(url.hostname))
    throw new ConfigError(`${setting}: must be https:// in production`)
  return written.replace(/\/+$/, '')
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}
