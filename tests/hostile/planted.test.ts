/** What another user of the machine left lying where an instance is about to start: it is refused, or it is undone. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { socketPath } from '@mogplex/kit/http/service-address.ts'
import { atExit, temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { reservePort } from '@mogplex/kit/test-bench/ports.ts'
import { loadKeys } from '@mogplex/local/keys.ts'
import postgres from 'postgres'
import { standInLauncher } from '../launcher/stand-ins.ts'
import { runLauncher, startSystem } from '../system/launch.ts'
import { asNeighbour, isAnother, knockAt, NEIGHBOUR } from './neighbours/neighbour.ts'

setDefaultTimeout(120_000)

const command = standInLauncher()
const asTheirs = (path: string) => lchownSync(path, NEIGHBOUR, NEIGHBOUR)
const plantDirectory = (path: string) => {
  mkdirSync(path, { mode: 0o777 })
  asTheirs(path)
}
const plantFile = (path: string) => {
  writeFileSync(path, '{}')
  asTheirs(path)
}
const plantLink = (path: string, target: string) => {
  symlinkSync(target, path)
  asTheirs(path)
}

/** A home that others could write to until now. */
function openHome(parent: string): string {
  const home = join(parent, 'home')
  mkdirSync(home)
  chmodSync(home, 0o777)
  return home
}

const startOn = async (home: string) => {
  const launcher = runLauncher({ command, home, port: await reservePort() })
  return { code: await launcher.exited, output: launcher.output() }
}

test.if(isAnother).each<[string, (parent: string, victim: string) => string]>([
  [
    'a directory of theirs at the home’s place',
    parent => {
      plantDirectory(join(parent, 'home'))
      return join(parent, 'home')
    },
  ],
  [
    'a link of theirs at the home’s place, to a directory of ours',
    (parent, victim) => {
      plantLink(join(parent, 'home'), victim)
      return join(parent, 'home')
    },
  ],
  ...['sockets', 'nats', 'postgres', 'runtime', 'logs'].map((name): [string, (parent: string) => string] => [
    `a directory of theirs at the place of ${name}`,
    parent => {
      const home = openHome(parent)
      plantDirectory(join(home, name))
      return home
    },
  ]),
  ...['lock', 'state.json', 'keys.json', 'keys.json.new'].map(
    (name): [string, (parent: string) => string] => [
      `a file of theirs at the place of ${name}`,
      parent => {
        const home = openHome(parent)
        plantFile(join(home, name))
        return home
      },
    ],
  ),
  ...['sockets', 'lock', 'keys.json'].map((name): [string, (parent: string, victim: string) => string] => [
    `a link of theirs at the place of ${name}`,
    (parent, victim) => {
      const home = openHome(parent)
      plantLink(join(home, name), join(victim, 'kept'))
      return home
    },
  ]),
])('a neighbour plants %s: nothing is started', async (_, plant) => {
  const [parent, victim] = [temporaryDirectory('planted'), temporaryDirectory('victim')]
  writeFileSync(join(victim, 'kept'), 'as it was', { mode: 0o640 })
  const { code, output } = await startOn(plant(parent, victim))
  expect([code, output]).toEqual([
    1,
    expect.stringMatching(/^Cannot start: .* belongs to another user \(65534\)/),
  ])
  expect(readdirSync(victim)).toEqual(['kept'])
  expect(readFileSync(join(victim, 'kept'), 'utf8')).toBe('as it was')
  expect(statSync(join(victim, 'kept')).mode & 0o777).toBe(0o640)
})

test('a neighbour could rename the home, because all may write to the directory above it: nothing is started', async () => {
  const parent = temporaryDirectory('open')
  chmodSync(parent, 0o777)
  const { code, output } = await startOn(join(parent, 'home'))
  expect([code, output]).toEqual([1, expect.stringContaining('can be changed by every user of this machine')])
})

test('a home that an older version left open, with a link at the sockets’ place and a state that lies, is put right', async () => {
  const [home, victim] = [join(temporaryDirectory('older'), 'home'), temporaryDirectory('victim')]
  mkdirSync(join(home, 'nats'), { recursive: true })
  chmodSync(home, 0o755)
  chmodSync(join(home, 'nats'), 0o755)
  writeFileSync(join(victim, 'kept'), 'as it was')
  symlinkSync(victim, join(home, 'sockets'))
  const state = {
    launcher: { pid: 2, identity: '' },
    baseUrl: '',
    databaseUrl: '',
    natsUrl: '',
    processes: {},
  }
  writeFileSync(join(home, 'state.json'), JSON.stringify({ ...state, socketDirectory: victim }))
  const { natsSeeds: _, ...older } = await loadKeys(join(home, 'keys.json'))
  const passwords = { identity: 'older', projects: 'older', runtime: 'older', gateway: 'older' }
  writeFileSync(join(home, 'keys.json'), JSON.stringify({ ...older, natsPasswords: passwords }))
  const system = await startSystem({ command, home })
  expect([home, join(home, 'nats'), join(home, 'sockets')].map(path => statSync(path).mode & 0o777)).toEqual([
    0o700, 0o700, 0o700,
  ])
  expect(readFileSync(join(victim, 'kept'), 'utf8')).toBe('as it was')
  const keys: Record<string, unknown> = JSON.parse(readFileSync(join(home, 'keys.json'), 'utf8'))
  expect(keys.databasePasswords).toEqual(older.databasePasswords)
  expect([keys.natsPasswords, Object.keys(keys.natsSeeds ?? {}).length]).toEqual([undefined, 5])
  expect(await system.stop()).toBe(0)
})

test('the path of the home is too long for a socket: they are elsewhere, and no neighbour gets in there either', async () => {
  const home = join(temporaryDirectory('long'), 'd'.repeat(100), 'home')
  const system = await startSystem({ command, home })
  const { socketDirectory = '', databaseUrl, processes } = system.state()
  expect(socketDirectory).toMatch(/^\/tmp\/mogplex-sockets-\w+$/)
  expect(statSync(socketDirectory).mode & 0o777).toBe(0o700)
  const socket = socketPath(processes.postgres?.address ?? '') ?? ''
  expect(await knockAt(socket)).toBe(isAnother ? 'EACCES' : 'CONNECTED')
  if (isAnother)
    expect((await asNeighbour('mv', socketDirectory, `${socketDirectory}-taken`)).output).toMatch(
      /denied|not permitted/,
    )
  const sql = postgres(databaseUrl, { max: 1 })
  expect([...(await sql`select 1 as one`)]).toEqual([{ one: 1 }])
  await sql.end()
  // Killed, it leaves them; the next start takes them away, and its own end does.
  await system.killLauncher()
  const next = await startSystem({ command, home, port: system.port })
  expect(existsSync(socketDirectory)).toBe(false)
  const second = next.state().socketDirectory ?? ''
  expect(await next.stop()).toBe(0)
  expect(existsSync(second)).toBe(false)
})

test.if(isAnother)(
  'a neighbour makes directories below /tmp that look like ours: they are left alone',
  async () => {
    const theirs = mkdtempSync('/tmp/mogplex-sockets-')
    atExit(() => rmSync(theirs, { recursive: true, force: true }))
    writeFileSync(join(theirs, 'kept'), '')
    asTheirs(theirs)
    const home = join(temporaryDirectory('looks'), 'home')
    mkdirSync(home)
    const state = {
      launcher: { pid: 2, identity: '' },
      baseUrl: '',
      databaseUrl: '',
      natsUrl: '',
      processes: {},
    }
    writeFileSync(join(home, 'state.json'), JSON.stringify({ ...state, socketDirectory: theirs }))
    const system = await startSystem({ command, home })
    expect(readdirSync(theirs)).toEqual(['kept'])
    expect(await system.stop()).toBe(0)
  },
)
