import { expect, test } from 'bun:test'
import { ConfigError, readConfig } from '@mogplex/kit/config.ts'
import { IdentitySettings } from '../environment.ts'
import { readGithubPlace } from './settings.ts'

const placeOf = (environment: Record<string, string>, NODE_ENV = 'production') => {
  const PUBLIC_BASE_URL = 'https://mogplex.test'
  return readGithubPlace({ ...readConfig(IdentitySettings, { PUBLIC_BASE_URL, ...environment }), NODE_ENV })
}

test('without settings it is github.com, and there is no App', () => {
  expect(placeOf({ GITHUB_APP_NAME: ' ' })).toEqual({
    ...{ webUrl: 'https://github.com', apiUrl: 'https://api.github.com', installUrl: null },
  })
})

test('an App is installed where GitHub is, by either name', () => {
  const enterprise = { GITHUB_URL: 'https://git.corp/', GITHUB_APP_NAME: 'our-app' }
  expect(placeOf(enterprise).installUrl).toBe('https://git.corp/apps/our-app/installations/new')
  const { webUrl, installUrl } = placeOf({ ...enterprise, GITHUB_WEB_URL: 'https://web.corp' })
  expect([webUrl, installUrl]).toEqual([
    'https://git.corp',
    'https://web.corp/apps/our-app/installations/new',
  ])
})

test('a wrong setting is refused by its name', () => {
  const wrong: [string, string][] = [
    ...['Our App', '../x', 'a/b', '-app', 'x'.repeat(101)].map(
      name => ['GITHUB_APP_NAME', name] as [string, string],
    ),
    ['GITHUB_URL', 'github.com'],
    ['GITHUB_URL', 'http://git.corp'],
    ['GITHUB_API_URL', 'https://'],
    ['GITHUB_WEB_URL', 'https://git.corp?x'],
  ]
  for (const [name, value] of wrong) {
    const read = () => placeOf({ [name]: value })
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(new RegExp(`^${name}: `))
  }
})
