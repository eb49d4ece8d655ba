import { expect, test } from 'bun:test'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createAssertionSigner } from '@mogplex/kit/assertion/signer.ts'
import { createAssertionVerifier } from '@mogplex/kit/assertion/verifier.ts'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { loadKeys, publicKeys } from './keys.ts'

const newFile = () => join(temporaryDirectory('keys'), 'keys.json')

test('keys are made once, kept, and readable by their owner alone', async () => {
  const file = newFile()
  const made = await loadKeys(file)
  expect(await loadKeys(file)).toEqual(made)
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('no secret is given to two', async () => {
  const { signingKeys, ...others } = await loadKeys(newFile())
  const secrets = [
    ...Object.values(signingKeys).map(key => key.d),
    ...Object.values(others).flatMap(group => (typeof group === 'string' ? [group] : Object.values(group))),
  ]
  expect(new Set(secrets).size).toBe(secrets.length)
})

test('what one process signs, another verifies with the public keys, which hold nothing private', async () => {
  const keys = await loadKeys(newFile())
  const shared = publicKeys(keys)
  expect(JSON.stringify(shared)).not.toContain('"d"')
  const sign = await createAssertionSigner('mogplex-gateway', keys.signingKeys.gateway)
  const verify = createAssertionVerifier({
    audience: 'runtime',
    issuers: ['mogplex-gateway'],
    publicKeys: shared,
  })
  const assertion = await sign('runtime', { amr: 'service', scp: [] })
  expect((await verify(assertion)).iss).toBe('mogplex-gateway')
})

test('a file that lacks what a new process needs is completed without changing the rest', async () => {
  const file = newFile()
  const made = await loadKeys(file)
  const { runtime: _, ...older } = made.natsSeeds
  writeFileSync(file, JSON.stringify({ ...made, natsSeeds: older }))
  const completed = await loadKeys(file)
  expect(completed.natsSeeds.runtime).toMatch(/^SU[A-Z2-7]{56}$/)
  expect({ ...completed, natsSeeds: older }).toEqual({ ...made, natsSeeds: older } as never)
})

test('a damaged file stops the start instead of being replaced', async () => {
  const file = newFile()
  writeFileSync(file, '{"signingKeys": 1}')
  await expect(loadKeys(file)).rejects.toThrow('is damaged')
  expect(readFileSync(file, 'utf8')).toBe('{"signingKeys": 1}')
})
