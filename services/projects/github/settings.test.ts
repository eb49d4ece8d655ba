import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { ConfigError, readConfig } from '@mogplex/kit/config.ts'
import { createLog } from '@mogplex/kit/log.ts'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { createGithubWorld } from '@mogplex/kit/test-bench/github-world.ts'
import { GithubSettings, readGithubApp, readGithubPlace } from './settings.ts'

const log = createLog({ process: 'test', level: 'silent' })
const { GITHUB_APP_PRIVATE_KEY: pem, ...app } = createGithubWorld().appSettings
const appOf = (environment: Record<string, string | undefined>) =>
  readGithubApp(readConfig(GithubSettings, environment), log)
const placeOf = (environment: Record<string, string>, NODE_ENV = 'production') =>
  readGithubPlace({ ...readConfig(GithubSettings, environment), NODE_ENV })

test('an App is id, name and key; without one of them, or with a key nobody can read, there is none', async () => {
  expect(await appOf({ ...app, GITHUB_APP_PRIVATE_KEY: pem })).toMatchObject({
    id: '4711',
    name: 'mogplex-test',
  })
  for (const environment of [
    {},
    app,
    { ...app, GITHUB_APP_PRIVATE_KEY: ' ' },
    { ...app, GITHUB_APP_PRIVATE_KEY: 'nonsense' },
    { ...app, GITHUB_APP_PRIVATE_KEY_FILE: '/nonexistent' },
    { ...app, GITHUB_APP_NAME: '', GITHUB_APP_PRIVATE_KEY: pem },
    { GITHUB_APP_NAME: 'x', GITHUB_APP_PRIVATE_KEY: pem },
  ])
    expect(await appOf(environment)).toBeNull()
})

test('the key may lie in a file', async () => {
  const file = join(temporaryDirectory('github-app'), 'key.pem')
  await Bun.write(file, pem)
  expect(await appOf({ ...app, GITHUB_APP_PRIVATE_KEY_FILE: file })).toMatchObject({ id: '4711' })
})

test('GitHub is where the settings say, by either name', () => {
  expect(placeOf({})).toEqual({ apiUrl: 'https://api.github.com', webUrl: 'https://github.com' })
  const enterprise = { GITHUB_API_URL: 'https://git.corp/api/v3/', GITHUB_URL: 'https://git.corp/' }
  expect(placeOf(enterprise)).toEqual({ apiUrl: 'https://git.corp/api/v3', webUrl: 'https://git.corp' })
  expect(placeOf({ ...enterprise, GITHUB_WEB_URL: 'https://web.corp' }).webUrl).toBe('https://web.corp')
})

test('an address holds no user and no password, since people are shown it', () => {
  for (const setting of ['GITHUB_API_URL', 'GITHUB_WEB_URL'])
    expect(() => placeOf({ [setting]: 'https://ada:secret@git.corp' })).toThrow(
      `${setting}: must not contain a user or password`,
    )
})

test('tokens travel without encryption to this machine, or outside production, only', () => {
  const plain = { GITHUB_API_URL: 'http://git.corp/api' }
  expect(() => placeOf(plain)).toThrow(ConfigError)
  expect(() => placeOf({ GITHUB_WEB_URL: 'http://127.0.0.1.corp' })).toThrow(/^GITHUB_WEB_URL: /)
  expect(placeOf(plain, 'development').apiUrl).toBe('http://git.corp/api')
  for (const host of ['127.0.0.1:9', 'localhost', '[::1]:9'])
    expect(placeOf({ GITHUB_API_URL: `http://${host}` }).apiUrl).toBe(`http://${host}`)
})
