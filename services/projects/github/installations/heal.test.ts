import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createLog } from '@mogplex/kit/log.ts'
import { drizzle } from 'drizzle-orm/postgres-js'
import { type GithubBench, startProjectsWithGithub } from '../../test-bench/github.ts'
import { newUser } from '../../test-bench/service.ts'
import { parsePrivateKey } from '../app/private-key.ts'
import { createGithub } from '../github.ts'
import { healInstallations } from './heal.ts'
import { createRest } from './rest.ts'

let bench: GithubBench
beforeAll(async () => {
  bench = await startProjectsWithGithub()
})
afterAll(() => bench.stop())

function healingKit() {
  const log = createLog({ process: 'test', level: 'silent' })
  const { GITHUB_APP_ID: id, GITHUB_APP_NAME: name, GITHUB_APP_PRIVATE_KEY: key } = bench.world.appSettings
  const { GITHUB_API_URL: apiUrl, GITHUB_URL: webUrl } = bench.github.settings
  return {
    ...{ log, database: drizzle(bench.projects.sql), ask: bench.projects.ask, pokeOutbox: () => undefined },
    github: createGithub({
      ...{ log, place: { apiUrl, webUrl }, app: { id, name, key: parsePrivateKey(key) }, maxPages: 1 },
      whenLost: async () => undefined,
    }),
  }
}

test('a look that takes too long is not waited for, and counts when it is over', async () => {
  const { userId } = newUser()
  const gate = Promise.withResolvers<void>()
  const rest = createRest()
  const ended = Promise.withResolvers<void>()
  const observed = {
    ...rest,
    begin: (id: string) => {
      rest.begin(id)
      ended.resolve()
    },
  }
  const lookUp = async () => {
    await gate.promise
    return { isPartial: false }
  }
  const owner = { userId, requestId: 'test' }
  await healInstallations(healingKit(), owner, { isAsked: false, lookUp, rest: observed, limitMs: 1 })
  expect(rest.isResting(userId)).toBe(false)
  gate.resolve()
  await ended.promise
  expect(rest.isResting(userId)).toBe(true)
})
