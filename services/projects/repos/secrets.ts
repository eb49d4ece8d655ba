/** The two secrets of a repo, sealed to the row they belong to (projects spec 1, "Secrets"). */
import { unavailable } from '@mogplex/kit/errors.ts'
import type { SecretBox } from '@mogplex/kit/secrets.ts'
import { matches } from '@mogplex/kit/validation.ts'
import { Type } from '@sinclair/typebox'
import type { Repo, StoredSecret } from '../database/schema.ts'
import { fromStored, toStored } from '../database/stored-secret.ts'
import { type Credential, decodeCredential, encodeCredential } from '../remotes/credential.ts'

/** The row a secret belongs to. */
type Place = Pick<Repo, 'id' | 'userId'>

const EnvVars = Type.Record(Type.String(), Type.String())

function placeOf({ id, userId }: Place, kind: 'repo_credentials' | 'sandbox_env_vars'): string {
  return `${userId}|${kind}|${id}`
}

/** 503 without a key. */
export function sealCredential(secrets: SecretBox, place: Place, credential: Credential): StoredSecret {
  return toStored(secrets.seal(encodeCredential(credential), placeOf(place, 'repo_credentials')))
}

/** Null when the repo has none; 503 when it has one that cannot be read. */
export function openCredential(secrets: SecretBox, repo: Repo): Credential | null {
  if (!repo.credential) return null
  return decodeCredential(open(secrets, repo.credential, placeOf(repo, 'repo_credentials')))
}

/** Null for an empty map, which is no secret; 503 without a key. */
export function sealEnvVars(
  secrets: SecretBox,
  place: Place,
  values: Record<string, string>,
): StoredSecret | null {
  if (Object.keys(values).length === 0) return null
  return toStored(secrets.seal(JSON.stringify(values), placeOf(place, 'sandbox_env_vars')))
}

/** 503 when there are values that cannot be read. */
export function openEnvVars(secrets: SecretBox, repo: Repo): Record<string, string> {
  if (!repo.sandboxEnvVars) return {}
  const values: unknown = JSON.parse(open(secrets, repo.sandboxEnvVars, placeOf(repo, 'sandbox_env_vars')))
  if (!matches(EnvVars, values)) throw new Error('not stored environment variables')
  return values
}

function open(secrets: SecretBox, stored: StoredSecret, place: string): string {
  try {
    return secrets.open(fromStored(stored), place)
  } catch (cause) {
    throw unavailable('A secret of this repo cannot be read with the configured keys', { cause })
  }
}
