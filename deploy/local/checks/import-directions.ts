/**
 * Imports run one way (design, "The house"): `services/* → kit → proto`, `gateway → kit → proto`. No service
 * imports another, the gateway imports no service, `proto` imports nothing of ours.
 */
import { dirname, join, relative, sep } from 'node:path'

/** What each part may import of ours, besides itself. Parts are folders of the repository. */
const ALLOWED: Record<string, readonly string[]> = {
  proto: [],
  kit: ['proto'],
  gateway: ['kit', 'proto'],
  'services/*': ['kit', 'proto'],
  // Other people's programs use it, so it brings nothing of ours along.
  'cli-hand-off': [],
  deploy: ['kit', 'proto'],
  // What drives the parts from outside may look into runtime's: its ports are what they drive.
  bench: ['kit', 'proto', 'deploy', 'tests', 'services/identity', 'services/runtime'],
  // The caller cache is two halves of one protocol, which can only be proven together.
  tests: ['kit', 'proto', 'deploy', 'gateway', 'cli-hand-off', 'services/identity', 'services/runtime'],
}

/** Workspace packages whose folder is not their name. */
const PACKAGE_PARTS: Record<string, string> = { local: 'deploy' }
const SCOPE = '@mogplex/'
const SOURCES = new Bun.Glob(
  '{proto,kit,gateway,cli-hand-off,services,deploy,bench,tests}/**/*.{ts,tsx,mjs,js}',
)
const ANY_IMPORT = /(?:\bfrom|\bimport|\brequire)\s*\(?\s*(['"`])([^'"`\n]+)\1/g

/** One line for each import that is not allowed, e.g. `kit/a.ts imports gateway (../gateway/b.ts)`. */
export async function findForbiddenImports(root: string): Promise<string[]> {
  const faults: string[] = []
  const files = await Array.fromAsync(SOURCES.scan({ cwd: root }))
  for (const file of files.filter(path => !path.includes('node_modules')).toSorted()) {
    const part = partOf(file)
    if (!part) continue
    const text = await Bun.file(join(root, file)).text()
    for (const specifier of importsOf(text)) {
      const target = targetOf(file, specifier)
      if (target && target !== part && !allowedFor(part).includes(target))
        faults.push(`${file} imports ${target} (${specifier})`)
    }
  }
  return faults
}

/**
 * Every module text names, types included: what only lends its types is coupled all the same. Bun's own
 * scanner leaves those out, so this reads the text; a name in a comment that looks like an import counts.
 */
function importsOf(text: string): string[] {
  return [...text.matchAll(ANY_IMPORT)].map(match => match[2] ?? '')
}

/** The part of ours an import leads to; null for packages and built-in modules. */
function targetOf(file: string, specifier: string): string | null {
  if (specifier.startsWith(SCOPE)) {
    const name = specifier.slice(SCOPE.length).split('/')[0] ?? ''
    const part = PACKAGE_PARTS[name] ?? name
    return part in ALLOWED ? part : `services/${part}`
  }
  if (!specifier.startsWith('.')) return null
  return partOf(relative('.', join(dirname(file), specifier)))
}

function partOf(file: string): string | null {
  const [first = '', second = ''] = file.split(sep)
  if (first === 'services') return second.includes('.') ? null : `services/${second}`
  return first in ALLOWED ? first : null
}

function allowedFor(part: string): readonly string[] {
  return ALLOWED[part.startsWith('services/') ? 'services/*' : part] ?? []
}
