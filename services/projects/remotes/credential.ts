/** The secret a remote is read and written with (projects spec 3): given once, stored sealed, never shown. */
import { badRequest } from '@mogplex/kit/errors.ts'
import type { Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { matches } from '@mogplex/kit/validation.ts'
import { RemoteAuth } from '@mogplex/proto/projects.ts'

/** What is stored of a credential: how to authenticate, never `none`. */
export type Credential = Exclude<RemoteAuth, { kind: 'none' }>

const MAX_USERNAME = 256
const MAX_TOKEN = 8_192
const MAX_PRIVATE_KEY = 32_768
const PRIVATE_KEY = /^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----\n[\s\S]+\n-----END [A-Z0-9 ]*PRIVATE KEY-----\n$/

/** Reads `credential` of a request: an object, or null for none. 400 names the field; values are not echoed. */
export function readCredential(value: unknown): Credential | null {
  if (value === null || value === undefined) return null
  if (typeof value !== 'object' || Array.isArray(value))
    throw wrong('credential', 'must be an object or null')
  const fields = new Map<string, unknown>(Object.entries(value))
  const privateKey = fields.get('ssh_private_key') ?? null
  if (privateKey !== null) {
    if ((fields.get('token') ?? null) !== null) throw wrong('credential', 'holds both a token and a key')
    return { kind: 'ssh', privateKey: readPrivateKey(privateKey) }
  }
  const username = readLine(fields.get('username'), 'credential.username', MAX_USERNAME)
  return { kind: 'basic', username, token: readLine(fields.get('token'), 'credential.token', MAX_TOKEN) }
}

/** 400 when a credential of this kind cannot be used with the remote. */
export function assertFits(credential: Credential, remote: Remote): void {
  if (remote.kind === 'local') throw wrong('credential', 'a local repository needs none')
  if (remote.kind === 'http' && credential.kind !== 'basic')
    throw wrong('credential', 'an http remote takes username and token')
  if (remote.kind === 'ssh' && credential.kind !== 'ssh')
    throw wrong('credential', 'an ssh remote takes ssh_private_key')
}

/** The text that is sealed. */
export function encodeCredential(credential: Credential): string {
  return JSON.stringify(credential)
}

/** The reverse of {@link encodeCredential}. */
export function decodeCredential(text: string): Credential {
  const value: unknown = JSON.parse(text)
  if (!matches(RemoteAuth, value) || value.kind === 'none') throw new Error('not a stored credential')
  return value
}

/** git's prompts are answered with one line each. */
function readLine(value: unknown, field: string, maxLength: number): string {
  if (typeof value !== 'string' || value === '') throw wrong(field, 'must be a non-empty string')
  if (value.length > maxLength) throw wrong(field, `must have at most ${maxLength} characters`)
  if (/\p{Cc}/u.test(value)) throw wrong(field, 'must be one line')
  return value
}

/** ssh refuses keys with foreign line ends or without a last one, with a message nobody understands. */
function readPrivateKey(value: unknown): string {
  const field = 'credential.ssh_private_key'
  if (typeof value !== 'string') throw wrong(field, 'must be a string')
  if (value.length > MAX_PRIVATE_KEY) throw wrong(field, `must have at most ${MAX_PRIVATE_KEY} characters`)
  const key = `${value.replaceAll('\r\n', '\n').trim()}\n`
  if (!PRIVATE_KEY.test(key)) throw wrong(field, 'is not a private key in PEM or OpenSSH format')
  return key
}

function wrong(field: string, reason: string) {
  return badRequest(`${field}: ${reason}`, { field })
}
