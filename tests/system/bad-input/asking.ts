/** Sends one case after the other and reads what a client is told. */
import { isV1Path } from '@mogplex/proto/errors.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import { type Account, call, OPEN_DOORS, signUpWithToken } from '../accounts.ts'
import { acceptedBodyFault, answerFault } from '../described.ts'
import { type System, startSystem } from '../launch.ts'
import { GIT_ROOT, makeRepository } from '../repositories.ts'
import { startRun, waitForEnd } from '../runs.ts'
import { openStorage, type Storage } from '../stored.ts'
import { INPUTS, type Input, type Place } from './inputs.ts'

export interface Scene {
  system: System
  storage: Storage
  /** Owns everything in `place`. */
  ada: Account
  place: Place
}

/** An instance with one of everything a request can name. */
export async function setScene(): Promise<Scene> {
  const system = await startSystem({
    env: { ...OPEN_DOORS, ENABLE_ECHO_HARNESS: 'true', LOCAL_GIT_ROOTS: GIT_ROOT },
  })
  const storage = await openStorage(system)
  const ada = await signUpWithToken(system)
  const { repoId, path } = await makeRepository(system, ada)
  const { runId } = await startRun(system, ada, { repoId, prompt: 'say hello' })
  await waitForEnd(system, ada, runId)
  const workspaceName = 'Taken'
  const { body } = await call<{ id: string }>(system, 'POST', '/api/workspaces', {
    as: { token: ada.token },
    json: { name: workspaceName },
  })
  const rotatedTokenId = await rotatedToken(system, ada)
  const ids = { repoId, workspaceId: body.id, runId, rotatedTokenId }
  const place = { ...ids, remoteUrl: path, workspaceName, email: ada.email }
  return { system, storage, ada, place }
}

async function rotatedToken(system: System, { cookie }: Account): Promise<string> {
  const as = { cookie }
  const path = '/api/settings/api-keys'
  const { id } = (await call<{ id: string }>(system, 'POST', path, { as, json: { name: 'rotated' } })).body
  await call(system, 'POST', `${path}/${id}/rotate`, { as, json: { overlapHours: 168 } })
  return id
}

export const keyOf = ({ method, path }: Route) => `${method} ${path}`

export function inputOf(row: Route): Input {
  const input = INPUTS[keyOf(row)]
  if (!input) throw new Error(`nothing is said about the input of ${keyOf(row)}`)
  return input
}

export interface Asked {
  /** Instead of the row's id, percent-encoded. */
  id?: string
  /** With its question mark. */
  query?: string
  body?: BodyInit
  /** Instead of those the row needs. */
  headers?: Record<string, string>
}

export interface Answer {
  status: number
  /** The two are empty unless it is an error. */
  code: string
  message: string
}

/** The request, with the credential the row asks for. */
export async function ask({ system, place }: Scene, row: Route, as: Account, asked: Asked): Promise<Answer> {
  const path = row.path.replace(/:\w+/, asked.id ?? inputOf(row).ids?.(place) ?? '')
  const credential: Record<string, string> =
    row.access === 'session' ? { cookie: as.cookie } : { authorization: `Bearer ${as.token}` }
  const headers = asked.headers ?? inputOf(row).headers?.() ?? {}
  const response = await fetch(system.baseUrl + path + (asked.query ?? ''), {
    method: row.method,
    redirect: 'manual',
    signal: AbortSignal.timeout(30_000),
    headers: { 'content-type': 'application/json', ...credential, ...headers },
    ...(asked.body === undefined ? {} : { body: asked.body }),
  })
  const text = await response.text()
  const { status } = response
  refuseUndescribed(row, response, text, asked.body)
  if (status < 400) return { status, code: '', message: '' }
  const body = JSON.parse(text)
  const { code, message } = isV1Path(row.path) ? body.error : { code: body.code, message: body.error }
  return { status, code, message }
}

/** Throws when the answer, or a body that was accepted, is not as `proto/wire` says. */
function refuseUndescribed(row: Route, response: Response, text: string, body?: BodyInit): void {
  const isTaken = response.ok && typeof body === 'string' && inputOf(row).fields
  const fault = answerFault(row, response, text) ?? (isTaken ? acceptedBodyFault(row, body) : null)
  if (fault !== null) throw new Error(fault)
}

/** `read` says what is wrong with the answer to a case, or null. */
export type Read<Case> = (each: Case, as: Account) => Promise<string | null>

/** Sends every case, a few at once; resolves with what was wrong. */
export async function sendAll<Case>(
  scene: Scene,
  row: Route,
  cases: readonly Case[],
  read: Read<Case>,
): Promise<string[]> {
  const people = await peopleFor(scene, row, cases.length)
  return readAll(cases, people, read)
}

/** As {@link sendAll} for cases that are refused; that something was stored all the same is wrong too. */
export async function refuseAll<Case>(
  scene: Scene,
  row: Route,
  cases: readonly Case[],
  read: Read<Case>,
): Promise<string[]> {
  const people = await peopleFor(scene, row, cases.length)
  const before = await scene.storage.read()
  const faults = await readAll(cases, people, read)
  const after = await scene.storage.read()
  const changed = Object.keys(after).filter(table => after[table] !== before[table])
  return [...faults, ...changed.map(table => `${table} was ${before[table]} and is ${after[table]}`)]
}

const AT_ONCE = 6

async function readAll<Case>(cases: readonly Case[], people: Account[], read: Read<Case>): Promise<string[]> {
  const faults: string[] = []
  const queue = [...cases.entries()]
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [index, each] = next
      const as = people[index % people.length]
      const fault = as ? await read(each, as) : 'there is nobody to send it'
      if (fault !== null) faults.push(fault)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return faults
}

/** As many as it takes to stay within the row's own budget. */
async function peopleFor({ system, ada }: Scene, row: Route, requests: number): Promise<Account[]> {
  const { perPerson } = inputOf(row)
  if (perPerson === undefined) return [ada]
  return Promise.all(Array.from({ length: Math.ceil(requests / perPerson) }, () => signUpWithToken(system)))
}
