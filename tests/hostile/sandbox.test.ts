/**
 * Attempts of an agent to get out of its sandbox, or to learn something of the host: real ones, in sandboxes of the
 * real provider, once with the runtime as root and once as an ordinary user. None may succeed, and what programs
 * need must work, by the same probes.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostileCalls, neededCalls } from './sandbox/calls.ts'
import type { Outcomes } from './sandbox/host.ts'
import { hostileScripts, neededScripts } from './sandbox/scripts.ts'

setDefaultTimeout(300_000)

const NOBODY = 65_534
const HOST_SETTINGS = '/usr/local/etc'
const isRoot = process.getuid?.() === 0
const MARKER = `mogplex-${crypto.randomUUID()}`

// Where this very suite is an ordinary user's, there is no root to be.
const MODES = isRoot ? ['root', 'an ordinary user'] : ['an ordinary user']

beforeAll(() => {
  if (!isRoot) return
  mkdirSync(HOST_SETTINGS, { recursive: true })
  writeFileSync(join(HOST_SETTINGS, MARKER), 'a token of the host', { mode: 0o644 })
})
afterAll(() => rmSync(join(HOST_SETTINGS, MARKER), { force: true }))

/** Lets everything be tried, with the runtime's side as that user. */
async function tryEverything(mode: string): Promise<Outcomes> {
  const home = mkdtempSync(join(tmpdir(), 'attempts-'))
  const drop = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
  const isDropped = isRoot && mode !== 'root'
  if (isDropped) chownSync(home, NOBODY, NOBODY)
  const host = [process.execPath, join(import.meta.dir, 'sandbox/host.ts'), MARKER]
  const child = Bun.spawn([...(isDropped ? drop : []), ...host], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, TMPDIR: home },
    stderr: 'pipe',
  })
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  rmSync(home, { recursive: true, force: true })
  if ((await child.exited) !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

describe.each(MODES)('with the runtime as %s', mode => {
  let outcomes: Outcomes
  beforeAll(async () => {
    outcomes = await tryEverything(mode)
  })

  describe('a program in the sandbox', () => {
    test.each(neededCalls().map(({ title }) => title))('%s', title => {
      expect(outcomes.answers[title]).toBeGreaterThanOrEqual(0)
    })
    test.each(neededScripts())('$title', ({ title, prints }) => {
      if (typeof prints === 'string') expect(outcomes.outputs[title]).toBe(prints)
      else expect(outcomes.outputs[title]).toMatch(prints)
    })
    test('errors of the kernel are told apart', () => {
      expect(outcomes.answers['closes what is not open']).toBe(-9)
    })
  })

  describe('the agent', () => {
    test.each(hostileCalls({ keyId: 0, description: '' }))('$title', ({ title, answer }) => {
      expect(outcomes.answers[title]).toBe(answer ?? Number.NaN)
    })
    test.each(hostileScripts({ operator: '', marker: MARKER }))('$title', ({ title, prints }) => {
      const output = outcomes.outputs[title]
      expect(output).toMatch(prints)
      expect(output).not.toContain(outcomes.operator)
      expect(output).not.toContain(outcomes.secret)
    })
    test('gets a session keyring of its own: what the operator has is found before and not after', () => {
      expect(outcomes.keysFound).toEqual({ before: true, child: true, after: false })
    })
  })

  test.if(process.arch === 'x64')('the 32-bit gate is shut by the filter where the kernel has one', () => {
    const inside = outcomes.outputs['asks by the 32-bit gate of the processor']
    expect([`${outcomes.gate}`, inside?.slice(0, 3)]).toBeOneOf([
      ['0', '159'],
      ['139', '139'],
    ])
  })
})
