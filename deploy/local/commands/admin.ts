/**
 * `npm run admin`: the operator's commands, on the database of a running instance or of a stopped one, whose
 * own Postgres is then started for as long as it takes.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsAdmin, giveOwnSchema } from '@mogplex/kit/postgres-server/access.ts'
import { tiedToParent } from '@mogplex/kit/processes/tied-to-parent.ts'
import { type Environment, forEverybody } from '../child-environment.ts'
import { type Home, homeAt, openHome } from '../home.ts'
import { type Keys, loadKeys } from '../keys.ts'
import { takeLock } from '../lock.ts'
import { readSettings, type Settings } from '../settings.ts'
import { openSocketDirectory, removeSocketDirectory } from '../sockets.ts'
import { signUpCodeOf, signUpLink } from '../start/first-steps.ts'
import { ownPostgres } from '../start/infrastructure.ts'
import { readState } from '../state.ts'
import { supervise } from '../supervisor/supervise.ts'
import { runNatsCommand } from './nats.ts'

const READY_LIMIT_MS = 60_000
const STOP_LIMIT_MS = 9_000

/** A command that cannot be done here; the message is one line for the person. */
class NoInstance extends Error {}

/** Resolves with the exit code. `root` is the repository, `args` what the person typed. */
export async function runAdmin(options: {
  root: string
  environment: Environment
  args: readonly string[]
}): Promise<number> {
  const { root, environment, args } = options
  process.umask(0o077)
  try {
    const settings = readSettings(environment, root)
    if (args[0] === 'nats') return await runNatsCommand(args.slice(1), settings.nats)
    const { keysFile } = homeAt(settings.home)
    if (!existsSync(keysFile)) throw new NoInstance(`No instance was started on ${settings.home} yet.`)
    const home = openHome(settings.home)
    const keys = await loadKeys(keysFile)
    if (args.join(' ') === 'signup-code') {
      console.log(signUpHelp(settings.publicBaseUrl, signUpCodeOf(environment, keys)))
      return 0
    }
    return await withDatabase(home, settings, keys, adminUrl =>
      runOn(adminUrl, keys, { root, environment, args }),
    )
  } catch (err) {
    console.error(err instanceof Error ? err.message : String(err))
    return 1
  }
}

function signUpHelp(baseUrl: string, code: string): string {
  return `Until there is an account, the first one is made with this code, or with the link:\n\n  ${code}\n  ${signUpLink(baseUrl, code)}`
}

/** `work` gets the administrator's login. No instance starts meanwhile, unless one runs already. */
async function withDatabase(
  home: Home,
  settings: Settings,
  keys: Keys,
  work: (adminUrl: string) => Promise<number>,
): Promise<number> {
  const lock = takeLock(home.lockFile)
  if (!lock) {
    const url = readState(home.stateFile)?.databaseUrl
    if (!url) throw new NoInstance('The instance is just starting or stopping; try again in a moment.')
    return work(url)
  }
  try {
    if (settings.databaseUrl) return await work(settings.databaseUrl)
    if (!existsSync(join(home.postgres, 'data')))
      throw new NoInstance('The instance has no Postgres of its own; set DATABASE_URL as for npm start.')
    return await withOwnPostgres(home, keys, work)
  } finally {
    lock.release()
  }
}

async function withOwnPostgres(
  home: Home,
  keys: Keys,
  work: (adminUrl: string) => Promise<number>,
): Promise<number> {
  const sockets = openSocketDirectory(home, null)
  const { program, adminUrl } = await ownPostgres(home, keys, sockets)
  const ignore = () => undefined
  const server = supervise(program, { onOutput: ignore, onNews: ignore, onPid: ignore })
  try {
    await server.ready(READY_LIMIT_MS)
    return await work(adminUrl)
  } finally {
    await server.stop(STOP_LIMIT_MS)
    removeSocketDirectory(home, sockets)
  }
}

/** The program is identity's own, with identity's rights and nothing else. */
async function runOn(
  adminUrl: string,
  keys: Keys,
  { root, environment, args }: { root: string; environment: Environment; args: readonly string[] },
): Promise<number> {
  const admin = connectAsAdmin(adminUrl)
  const password = keys.databasePasswords.identity
  const url = await giveOwnSchema(admin, { adminUrl, schema: 'identity', password }).finally(() =>
    admin.end({ timeout: 2 }),
  )
  const program = [process.execPath, '--no-env-file', join(root, 'services/identity/admin/main.ts'), ...args]
  const child = Bun.spawn(tiedToParent(program, 'KILL'), {
    cwd: root,
    env: { ...forEverybody(environment), DATABASE_URL: url },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return child.exited
}
