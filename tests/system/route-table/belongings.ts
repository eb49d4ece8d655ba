/** The things of a user that requests name by id. */
import { type Account, call, makeToken } from '../accounts.ts'
import type { System } from '../launch.ts'
import { importRepository, makeRemote, type Remote } from '../repositories.ts'
import { startRun, waitForEnd } from '../runs.ts'
import { signIn } from './people.ts'

export type Kind = 'repo' | 'workspace' | 'run' | 'sandbox' | 'token' | 'session'

export type Belongings = Record<Kind, string>

let remote: Remote | undefined
let directories = 0

/** A repository on this machine and a directory in it that nobody imported yet. */
export function importableRemote(): { remote_url: string; root_directory: string } {
  remote ??= makeRemote()
  directories += 1
  return { remote_url: remote.path, root_directory: `part-${directories}` }
}

/** One of each; the run has ended. */
export async function makeBelongings(system: System, owner: Account): Promise<Belongings> {
  const repo = await importRepository(system, owner, { remote_url: makeRemote().path })
  const { runId } = await startRun(system, owner, { repoId: repo, prompt: 'say hello' })
  const { sandboxRecordId } = await waitForEnd(system, owner, runId)
  const [workspace, token, session] = await Promise.all([
    makeAnother(system, owner, 'workspace'),
    makeAnother(system, owner, 'token'),
    makeAnother(system, owner, 'session'),
  ])
  return { repo, run: runId, sandbox: sandboxRecordId ?? '', workspace, token, session }
}

/** One more, for a request that uses it up. Runs and sandboxes are used up by none. */
export async function makeAnother(
  system: System,
  owner: Account,
  kind: Exclude<Kind, 'run' | 'sandbox'>,
): Promise<string> {
  const as = { cookie: owner.cookie }
  switch (kind) {
    case 'repo':
      return importRepository(system, owner, importableRemote())
    case 'workspace':
      directories += 1
      return (
        await call<{ id: string }>(system, 'POST', '/api/workspaces', {
          as,
          json: { name: `Workspace ${directories}` },
        })
      ).body.id
    case 'token': {
      await makeToken(system, owner)
      const { body } = await call<{ keys: { id: string }[] }>(system, 'GET', '/api/settings/api-keys', { as })
      return body.keys[0]?.id ?? ''
    }
    case 'session': {
      const cookie = await signIn(system, owner)
      return currentSession(system, cookie)
    }
  }
}

async function currentSession(system: System, cookie: string): Promise<string> {
  const { body } = await call<{ session: { id: string } }>(system, 'GET', '/api/auth/get-session', {
    as: { cookie },
  })
  return body.session.id
}
