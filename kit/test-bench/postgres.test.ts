import { expect, setDefaultTimeout, test } from 'bun:test'
import postgres from 'postgres'
import { usePostgres } from './postgres.ts'

setDefaultTimeout(120_000)

test('one server serves the whole process, each asker has a database of its own', async () => {
  const [first, second] = [await usePostgres(), await usePostgres()]
  expect(first).toBe(second)
  const [a, b] = await Promise.all([first.createDatabase('projects'), first.createDatabase('projects')])
  expect(new URL(a.url).pathname).not.toBe(new URL(b.url).pathname)
})

test('a service role owns its schema and may neither log in elsewhere nor use another schema', async () => {
  const server = await usePostgres()
  const [mine, other] = [await server.createDatabase('runtime'), await server.createDatabase('identity')]
  const sql = postgres(mine.url, { max: 1 })
  const admin = postgres(mine.adminUrl, { max: 1, onnotice: () => undefined })
  await sql`create table runtime.things (id int)`
  expect(await sql`select current_schema() as schema`).toEqual([{ schema: 'runtime' }] as never)
  await admin`create schema identity`
  await admin`create table identity.secrets (id int)`
  const refused = async (query: PromiseLike<unknown>) =>
    expect(
      await Promise.resolve(query).then(
        () => 'allowed',
        err => err.code,
      ),
    ).toBe('42501')
  await refused(sql`select * from identity.secrets`)
  await refused(sql`create table public.things (id int)`)
  await refused(sql`create schema another`)
  const elsewhere = new URL(mine.url)
  elsewhere.pathname = new URL(other.url).pathname
  const stranger = postgres(elsewhere.href, { max: 1 })
  await refused(stranger`select 1`)
  await Promise.all([sql, admin, stranger].map(connection => connection.end()))
})
