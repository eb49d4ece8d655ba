import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { findForbiddenImports } from './import-directions.ts'

async function faultsOf(files: Record<string, string>): Promise<string[]> {
  const root = temporaryDirectory('imports')
  for (const [name, text] of Object.entries(files)) {
    const file = join(root, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  return findForbiddenImports(root)
}

/** Written in two parts, so that the check does not take these texts for imports of this file. */
const load = (specifier: string) => ['import thing fr', `om '${specifier}'`].join('')

test('imports that run with the stream are fine', async () => {
  const files = {
    'services/identity/main.ts': load('@mogplex/kit/ids.ts') + load('./users/store.ts') + load('elysia'),
    'gateway/main.ts': load('@mogplex/proto/routes.ts') + load('node:fs'),
    'kit/ids.ts': load('@mogplex/proto/caller.ts'),
    'tests/system/a.test.ts': load('../../deploy/local/state.ts') + load('@mogplex/local/state.ts'),
    'kit/node_modules/x/index.ts': load('@mogplex/gateway/main.ts'),
  }
  expect(await faultsOf(files)).toEqual([])
})

test.each([
  ['services/runtime/a.ts', '@mogplex/identity/users/store.ts', 'services/identity'],
  ['services/runtime/deep/er/a.ts', '../../../identity/a.ts', 'services/identity'],
  ['gateway/a.ts', '../services/projects/a.ts', 'services/projects'],
  ['services/projects/a.ts', '@mogplex/gateway/a.ts', 'gateway'],
  ['kit/a.ts', '@mogplex/runtime/a.ts', 'services/runtime'],
  ['kit/a.ts', '../deploy/local/a.ts', 'deploy'],
  ['proto/a.ts', '@mogplex/kit/ids.ts', 'kit'],
  ['deploy/local/a.ts', '@mogplex/runtime/a.ts', 'services/runtime'],
])('%s may not import %s', async (file, specifier, part) => {
  expect(await faultsOf({ [file]: load(specifier) })).toEqual([`${file} imports ${part} (${specifier})`])
})

test('types, re-exports and dynamic imports count too', async () => {
  const text = [
    ['import type { T } fr', "om '@mogplex/identity/a.ts'"],
    ['export * fr', "om '@mogplex/projects/a.ts'"],
    ['await imp', "ort('@mogplex/gateway/a.ts')"],
    ['imp', "ort '@mogplex/gateway/b.ts'"],
  ]
  const faults = await faultsOf({ 'services/runtime/a.ts': text.map(parts => parts.join('')).join('\n') })
  expect(faults).toHaveLength(4)
})
