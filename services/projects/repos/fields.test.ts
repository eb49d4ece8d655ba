import { describe, expect, test } from 'bun:test'
import { ApiError } from '@mogplex/kit/errors.ts'
import { readBranch, readFullName, readRepoChange, readSettings } from './fields.ts'
import { readRootDirectory } from './root-directory.ts'
import { readSandboxEnvVars, unquote } from './sandbox-env-vars.ts'

/** The field a 400 names, in its details and its text. */
function fieldRefused(read: () => unknown): unknown {
  try {
    return { accepted: read() }
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 400) throw error
    const { field } = error.details
    return error.message.startsWith(`${field}:`) ? field : error.message
  }
}

describe('root_directory', () => {
  test.each([
    [undefined, null],
    [null, null],
    [5, null],
    [['a'], null],
    ['', null],
    ['.', null],
    ['/', null],
    [' ./ ', null],
    ['/apps//web/', 'apps/web'],
    ['././apps/./web', 'apps/web'],
    ['apps/..web', 'apps/..web'],
    ['a b/%41', 'a b/%41'],
  ])('%p is %p', (value, path) => expect(readRootDirectory(value)).toBe(path))

  test.each(['..', 'apps/../etc', 'apps/..', '%2e', 'apps/%2E%2e/x', '.%2e', 'a\nb', 'x'.repeat(1_025)])(
    '%p is refused',
    value => expect(fieldRefused(() => readRootDirectory(value))).toBe('root_directory'),
  )
})

describe('sandbox_env_vars', () => {
  test.each([
    ['"a b"', 'a b'],
    ["'a b'", 'a b'],
    ['  "a"  ', 'a'],
    ['""', ''],
    ['"a\\nb\\r\\t\\"\\\\\\x"', 'a\nb\r\t"\\\\x'],
    ["'it\\'s \\\\ \\n'", "it's \\ \\n"],
    ['\'"x"\'', '"x"'],
    ['"mixed\'', '"mixed\''],
    ['"', '"'],
    ['"a" and "b"', '"a" and "b"'],
    ['"open\\"', '"open\\"'],
    ['say "hi"', 'say "hi"'],
    ['  spaces  ', '  spaces  '],
  ])('%j holds %j', (value, text) => expect(unquote(value)).toBe(text))

  test('keys are trimmed, blank ones dropped, other values become text', () => {
    expect(
      readSandboxEnvVars({ ' A ': 'x', '  ': 'y', B: null, C: 5, D: true, E: { f: [1] }, __proto: '_' }),
    ).toEqual({ A: 'x', B: '', C: '5', D: 'true', E: '{"f":[1]}', __proto: '_' })
    expect(Object.entries(readSandboxEnvVars(JSON.parse('{"__proto__":"x"}')))).toEqual([['__proto__', 'x']])
  })

  test.each([undefined, null, 'A=b', 5, ['A']])('%p is an empty map', value =>
    expect(readSandboxEnvVars(value)).toEqual({}),
  )

  test.each([
    { '1A': '' },
    { 'A-B': '' },
    { 'A B': '' },
    { ['A'.repeat(257)]: '' },
    { A: 'x'.repeat(65_537) },
    Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`K${i}`, ''])),
    Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`K${i}`, 'x'.repeat(60_000)])),
  ])('%#: too much or a bad key is refused, without echoing values', value =>
    expect(fieldRefused(() => readSandboxEnvVars(value))).toBe('sandbox_env_vars'),
  )
})

describe('settings', () => {
  const port = (dev_port: unknown) => readSettings({ dev_port }).devPort
  test.each([
    [undefined, 3_000],
    [8_080.9, 8_080],
    [' 8080 ', 8_080],
    ['80.9', 80],
    [65_535.5, 65_535],
    [65_536, 3_000],
    [0.5, 3_000],
    [-1, 3_000],
    [Number.POSITIVE_INFINITY, 3_000],
    ['', 3_000],
    ['web', 3_000],
    [true, 3_000],
    [{}, 3_000],
  ])('dev_port %p is %p', (value, expected) => expect(port(value)).toBe(expected))

  test.each([
    [undefined, true],
    [false, false],
    [' FALSE ', false],
    ['true', true],
    ['no', true],
    [0, true],
    [null, true],
  ])('dev_port_auto %p is %p', (value, expected) =>
    expect(readSettings({ dev_port_auto: value }).devPortAuto).toBe(expected),
  )

  test.each([
    [undefined, null],
    [null, null],
    ['  ', null],
    [1, 600_000],
    ['700000.7', 700_000],
    [Number.POSITIVE_INFINITY, 18_000_000],
    ['long', 18_000_000],
    [true, 18_000_000],
  ])('sandbox_timeout_ms %p is %p', (value, expected) =>
    expect(readSettings({ sandbox_timeout_ms: value }).sandboxTimeoutMs).toBe(expected),
  )

  test('other fields fall back to what is always right', () => {
    expect(
      readSettings({ runtime: 'node18', env_sync_mode: 'vercel-project', dev_command: 5, is_favorite: 'no' }),
    ).toMatchObject({ runtime: null, envSyncMode: 'sandbox-only', devCommand: null, isFavorite: true })
    expect(
      readSettings({
        runtime: 'python3.13',
        env_sync_mode: 'sandbox-and-preview',
        install_command: ' bun i ',
      }),
    ).toMatchObject({ runtime: 'python3.13', envSyncMode: 'sandbox-and-preview', installCommand: 'bun i' })
    expect(fieldRefused(() => readSettings({ dev_command: 'x'.repeat(2_001) }))).toBe('dev_command')
    expect(fieldRefused(() => readSettings({ install_command: 'x'.repeat(2_001) }))).toBe('install_command')
  })

  test.each(['a b', '-x', 'a..b', 'HEAD', 'x'.repeat(201), 5, {}])('default_branch %p is refused', value =>
    expect(fieldRefused(() => readBranch(value))).toBe('default_branch'),
  )

  test.each(['one', 'a/b/c', 'a/', '/b', 'a/..', './b', 'a b/c', 'ü/b', `${'x'.repeat(101)}/b`, 5, {}])(
    'full_name %p is refused',
    value => expect(fieldRefused(() => readFullName(value))).toBe('full_name'),
  )
})

describe('a change', () => {
  test('holds only what is present', () => {
    expect(readRepoChange({ dev_port: 'x', unknown: 1, id: 'ignored' })).toEqual({
      settings: { devPort: 3_000 },
    })
    expect(readRepoChange({ default_branch: ' ', credential: null, sandbox_env_vars: null })).toEqual({
      settings: {},
      defaultBranch: 'main',
      credential: null,
      sandboxEnvVars: {},
    })
  })

  test.each([
    [{}, 'The body holds no field of a repo that can be changed'],
    [{ id: 'x', provider: 'github' }, 'The body holds no field of a repo that can be changed'],
    [{ workspace_id: null }, 'workspace_id'],
    [{ workspace_id: ' ' }, 'workspace_id'],
    [{ workspace_id: 5 }, 'workspace_id'],
    [{ remote_url: null }, 'remote_url'],
    [{ remote_url: 5 }, 'remote_url'],
    [{ credential: 'x' }, 'credential'],
    [{ credential: [] }, 'credential'],
    [{ credential: {} }, 'credential.username'],
    [{ credential: { username: 'me' } }, 'credential.token'],
    [{ credential: { username: 'a\nb', token: 'x' } }, 'credential.username'],
    [{ credential: { username: 'me', token: 5 } }, 'credential.token'],
    [{ credential: { ssh_private_key: 5 } }, 'credential.ssh_private_key'],
    [{ credential: { ssh_private_key: 'no key' } }, 'credential.ssh_private_key'],
    [{ credential: { ssh_private_key: 'k', token: 't' } }, 'credential'],
  ])('%j is refused', (body, field) => expect(fieldRefused(() => readRepoChange(body))).toBe(field))
})
