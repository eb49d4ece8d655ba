/** The whole way of a list that scripts ask for all the time, and which process spends what on it. */
import { readFileSync } from 'node:fs'
import { OPEN_DOORS, signUpWithToken } from '../../tests/system/accounts.ts'
import { startSystem } from '../../tests/system/launch.ts'
import { GIT_ROOT, makeRepository } from '../../tests/system/repositories.ts'
import { openStorage } from '../../tests/system/stored.ts'
import { median } from '../statistics.ts'
import { formatTable } from '../table.ts'
import { requestsPerSecond } from './load.ts'

const REPOS = 500
const SECONDS = 4
const TICKS_PER_SECOND = 100

/** Resolves with the table to print. */
export async function measureReposList({ rounds }: { rounds: number }): Promise<string> {
  const system = await startSystem({
    env: { ...OPEN_DOORS, RATE_LIMIT_PAT: '1000000/1', LOCAL_GIT_ROOTS: GIT_ROOT },
  })
  const account = await signUpWithToken(system)
  const { repoId } = await makeRepository(system, account)
  const storage = await openStorage(system)
  await storage.query(
    `insert into projects.repos select (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid(),
       'full_name', 'local/repo-' || n, 'remote_key', 'key-' || n))).*
     from projects.repos r, generate_series(2, ${REPOS}) n where r.id = $1`,
    [repoId],
  )
  await storage.query('analyze')
  await storage.close()
  const target = {
    url: `${system.baseUrl}/api/v1/mogplex/repos?limit=20`,
    headers: { authorization: `Bearer ${account.token}` },
  }
  await requestsPerSecond(target, 2)
  const processes = Object.entries(system.state().processes).map(([name, { pid }]) => ({ name, pid }))
  const before = processes.map(({ pid }) => cpuSeconds(pid))
  const rates: number[] = []
  for (let round = 1; round <= rounds; round += 1) {
    rates.push(await requestsPerSecond(target, SECONDS))
    console.log(`repos list: round ${round} of ${rounds}`)
  }
  const used = processes.map(({ name, pid }, index) => ({
    name,
    seconds: cpuSeconds(pid) - (before[index] ?? 0),
  }))
  await system.stop()
  const all = used.reduce((sum, { seconds }) => sum + seconds, 0)
  const share = (seconds: number) => `${Math.round((100 * seconds) / all)} %`
  return formatTable(
    `GET /api/v1/mogplex/repos?limit=20 of ${REPOS} repos, whole path: ${Math.round(median(rates))} requests/s`,
    ['', 'of our CPU time'],
    used.filter(({ seconds }) => seconds / all > 0.005).map(({ name, seconds }) => [name, share(seconds)]),
  )
}

/** Of a process and all that it has started: Postgres has a process for each connection. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  const own = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  return children === ''
    ? own
    : children.split(' ').reduce((sum, child) => sum + cpuSeconds(Number(child)), own)
}
