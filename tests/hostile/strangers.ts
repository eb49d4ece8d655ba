/** People from anywhere, each at an address of their own; the instance must trust proxies on 127.0.0.1. */
import { PASSWORD } from '../system/accounts.ts'
import { type RawAnswer, sendRaw } from './raw-request.ts'

/** A browser with an account: its cookies by name, and where it is. */
export interface Person {
  email: string
  cookies: Record<string, string>
  address: string
}

let people = 0

/** Where nobody has been yet. */
export function newAddress(): string {
  people += 1
  return `198.51.${100 + Math.floor(people / 250)}.${(people % 250) + 1}`
}

/** What an answer sets, by name. */
export function cookiesIn({ headers }: RawAnswer): Record<string, string> {
  const pairs = (headers['set-cookie'] ?? []).map(cookie => /^([^=]+)=([^;]*)/.exec(cookie) ?? [])
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value]))
}

/** What they can do on the instance on `port()`. */
export function createStrangers(port: () => number) {
  const post = (path: string, json: object, by: Partial<Person> = {}): Promise<RawAnswer> => {
    const { cookies = {}, address = newAddress() } = by
    const cookie = Object.entries(cookies).map(([name, value]) => `${name}=${value}`)
    const headers = {
      'x-forwarded-for': address,
      ...(cookie.length > 0 ? { cookie: cookie.join('; ') } : {}),
    }
    return sendRaw(port(), path, { method: 'POST', json, headers })
  }
  return {
    post,
    signUp: async (email = `person-${newAddress()}@example.test`): Promise<Person> => {
      const address = newAddress()
      const answer = await post('/api/auth/sign-up/email', { email, password: PASSWORD }, { address })
      if (answer.status !== 200) throw new Error(`sign-up: ${answer.status} ${answer.text}`)
      return { email, address, cookies: cookiesIn(answer) }
    },
    signIn: (email: string, password: string, by: Partial<Person> = {}) =>
      post('/api/auth/sign-in/email', { email, password }, by),
  }
}
