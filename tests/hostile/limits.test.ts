/** An agent that takes what it can get: it is ended with a reason, and its neighbour notices nothing. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '@mogplex/kit/log.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { createLocalSandboxProvider } from '../../services/runtime/sandboxes/local/local.ts'
import type { SandboxProcess } from '../../services/runtime/sandboxes/provider.ts'
import { processesWith } from '../system/processes.ts'
import { ENDED, FUTILE, HARMLESS, LIMITS } from './limits-attempts.ts'

setDefaultTimeout(120_000)

const dataDirectory = mkdtempSync(join(tmpdir(), 'limits-'))
const log = createLog({ process: 'test', level: 'silent' })
const provider = createLocalSandboxProvider({ dataDirectory, log, limits: LIMITS })

let neighbourId: string
let neighbour: SandboxProcess
let beats = 0
beforeAll(async () => {
  neighbourId = await provider.create(crypto.randomUUID())
  const argv = ['bash', '-c', 'while true; do echo beat; sleep 0.1; done']
  neighbour = await provider.start(neighbourId, { argv, network: 'none' })
  void countBeats(neighbour)
})
afterAll(async () => {
  await provider.destroy(neighbourId)
  rmSync(dataDirectory, { recursive: true, force: true })
})

async function countBeats({ stdout, stderr }: SandboxProcess) {
  void stderr.cancel()
  for await (const _ of stdout) beats++
}

/** Runs the script in a sandbox of its own; afterwards nothing of it is left, and the neighbour goes on. */
async function attempt(script: string) {
  const sandboxId = await provider.create(crypto.randomUUID())
  const started = await provider.start(sandboxId, { argv: ['bash', '-c', script], network: 'none' })
  const [exit, output] = await Promise.all([
    started.exited,
    new Response(started.stderr).text(),
    started.stdout.cancel(),
  ])
  const beatsThen = beats
  const again = await provider.start(sandboxId, { argv: ['true'], network: 'none' })
  await Promise.all([again.stdout.cancel(), again.stderr.cancel()])
  const next = await again.exited
  await provider.destroy(sandboxId)
  expect(processesWith(sandboxId)).toEqual([])
  expect(existsSync(join(dataDirectory, 'sandboxes', sandboxId))).toBe(false)
  expect(readdirSync(join(dataDirectory, 'sandboxes'))).toEqual([neighbourId])
  expect(await waitUntil(() => beats > beatsThen + 2, { limitMs: 10_000 })).toBe(true)
  return { exit, next, output }
}

describe('an agent is ended when', () => {
  for (const { name, script, limit } of ENDED) {
    test(name, async () => {
      const { exit } = await attempt(script)
      expect(exit).toMatchObject({ exitCode: null, exceeded: { limit } })
    })
  }
})

describe('an agent fails when it', () => {
  for (const { name, script } of FUTILE) {
    test(name, async () => {
      const { exit, next } = await attempt(script)
      expect([exit, next]).toEqual([
        { exitCode: 0, signal: null },
        { exitCode: 0, signal: null },
      ])
    })
  }
})

describe('nothing is held against an agent:', () => {
  for (const { name, script } of HARMLESS) {
    test(name, async () => {
      const { exit, output } = await attempt(script)
      expect({ ...exit, output }).toEqual({ exitCode: 0, signal: null, output: '' })
    })
  }
})
