/** What a newcomer is told once everything runs. */
import { isLoopbackHost } from '@mogplex/kit/loopback.ts'

/** Lines to type as they are. `code` is that of the first sign-up, null when there is an account. */
export function firstSteps(baseUrl: string, code: string | null): string {
  const isPublic = !isLoopbackHost(new URL(baseUrl).hostname)
  const shownCode = code !== null && isPublic ? `,"signupCode":"${code}"` : ''
  return `
  ${baseUrl}
${code === null ? '' : firstAccount(baseUrl, code, isPublic)}
  Open it to make an account and an access token. Or by hand:

    curl -c cookies.txt ${baseUrl}/api/auth/sign-up/email -H 'content-type: application/json' \\
      -d '{"email":"you@example.com","password":"a-long-password"${shownCode}}'

  README.md goes on from there; npm run demo shows the whole tour. Ctrl-C stops everything.
`
}

function firstAccount(baseUrl: string, code: string, isPublic: boolean): string {
  const who = isPublic
    ? 'The first account is made with this link alone:'
    : 'Not at this machine? The first account is then made with this link:'
  return `
  ${who}

    ${signUpLink(baseUrl, code)}
`
}

/** What stands behind a # is sent to no server and shown to no other page. */
export function signUpLink(baseUrl: string, code: string): string {
  return `${baseUrl}/login#code=${code}`
}

/** The code of the first sign-up, as long as it opens something; `own` is the launcher's environment. */
export function signUpCodeOf(own: Record<string, string | undefined>, keys: { signUpCode: string }): string {
  return own.AUTH_SIGNUP_CODE || keys.signUpCode
}

/** Whether the gateway on `port` of this machine still waits for somebody to make the first account. */
export async function isFirstSignUpAwaited(
  port: number,
  own: Record<string, string | undefined>,
): Promise<boolean> {
  if ((own.AUTH_SIGNUP ?? 'first-user') !== 'first-user') return false
  try {
    const address = `http://127.0.0.1:${port}/api/auth/providers`
    const response = await fetch(address, { signal: AbortSignal.timeout(2_000), proxy: '' })
    const ways: unknown = await response.json()
    return typeof ways === 'object' && ways !== null && 'signUp' in ways && ways.signUp === true
  } catch {
    // It is ready all the same, and npm run admin -- signup-code shows the code.
    return false
  }
}
