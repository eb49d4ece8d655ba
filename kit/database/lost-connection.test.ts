import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createLog } from '../log.ts'
import { connectAsAdmin } from '../postgres-server/access.ts'
import { usePostgres } from '../test-bench/postgres.ts'
import { connectDatabase, type DatabaseConnection, isDatabaseAway } from './connect.ts'

let connection: DatabaseConnection
let admin: ReturnType<typeof connectAsAdmin>
beforeAll(async () => {
  const { createDatabase } = await usePostgres()
  const { url, adminUrl } = await createDatabase('lost')
  const log = createLog({ process: 'test', level: 'silent' })
  connection = await connectDatabase({ url, applicationName: 'lost', log })
  admin = connectAsAdmin(adminUrl)
})
afterAll(async () => {
  await connection.close()
  await admin.end()
})

const endConnections = () =>
  admin`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'lost' and datname = current_database()`

test('a transaction whose connection is cut fails at each further statement', async () => {
  const failures: unknown[] = []
  const note = (err: unknown) => failures.push(err)
  const ended = Promise.withResolvers<void>()
  const work = connection.sql.begin(async tx => {
    await endConnections()
    // The second one used to end the whole process.
    await tx`select 1`.catch(note)
    await tx`select 1`.catch(note)
    await Bun.sleep(200)
    // By now the connection has been made anew, outside of any transaction.
    await tx`create table should_not_be (id int)`.catch(note)
    ended.resolve()
  })
  await expect(work).rejects.toThrow()
  await ended.promise
  expect(failures).toHaveLength(3)
  for (const failure of failures) expect(isDatabaseAway(failure)).toBe(true)
  expect([...(await admin`select to_regclass('lost.should_not_be') as found`)]).toEqual([{ found: null }])
})

test('every statement is answered, however often connections are cut', async () => {
  const { sql } = connection
  let answers = 0
  const count = () => {
    answers += 1
  }
  for (let round = 0; round < 25; round += 1) {
    const work = Array.from({ length: 30 }, (_, index) =>
      index % 3 === 0 ? sql.begin(tx => tx`select pg_sleep(0.001)`) : sql`select pg_sleep(0.002)`,
    )
    const counted = work.map(statement => statement.then(count, count))
    await endConnections()
    await Promise.race([Promise.all(counted), Bun.sleep(5_000)])
    expect(answers).toBe(30 * (round + 1))
  }
  expect(await connection.isReady()).toBe(true)
}, 60_000)

test('a connection that is cut while it is being made fails who waits for it, and nobody else', async () => {
  const { sql } = connection
  let isOver = false
  const asking = Array.from({ length: 3 }, async () => {
    while (!isOver) await sql`select 1`.catch((err: unknown) => expect(isDatabaseAway(err)).toBe(true))
  })
  // New connections first ask for the types of arrays; what that fails with used to be nobody's.
  for (let cut = 0; cut < 150; cut += 1) {
    await endConnections()
    await Bun.sleep(cut % 12)
  }
  isOver = true
  await Promise.all(asking)
  expect(await connection.isReady()).toBe(true)
}, 60_000)

test('what a statement itself is refused for is no outage', async () => {
  const failure = await connection.sql`select 1 / 0`.catch((err: unknown) => err)
  expect(isDatabaseAway(failure)).toBe(false)
})
