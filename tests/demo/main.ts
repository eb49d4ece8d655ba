/**
 * `npm run demo`: the whole tour on the running product, without a key. It starts an instance of its own
 * beside any other, with a stand-in for the model, shows each step as a person would type it, and ends
 * everything again. Only the agents' command lines are kept, in the directory given or in `.mogplex-demo/`,
 * so that they are fetched once. Exits with 0 after the whole tour, 1 when something failed, 130 when
 * interrupted.
 */
import { join, resolve } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { type ModelEndpoint, startModelEndpoint } from '../model-endpoint/endpoint.ts'
import { homeWithHarnesses, registrySettings } from '../system/harnesses.ts'
import { type System, startSystem } from '../system/launch.ts'
import { createClient } from './client.ts'
import { createPrinter } from './printer.ts'
import { makeProject } from './project.ts'
import { takeTour } from './tour.ts'

const INSTALLATIONS = resolve(process.argv[2] ?? join(import.meta.dir, '../../.mogplex-demo/harnesses'))
const OWN_KEYS = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY']
const EXIT_CODE_INTERRUPTED = 130

const printer = createPrinter()
const endpoint = startModelEndpoint()
const running: { system: System | null } = { system: null }

const interrupted = new Promise<number>(resolve => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => resolve(EXIT_CODE_INTERRUPTED))
})
const exitCode = await Promise.race([demo(endpoint), interrupted])
if (exitCode === EXIT_CODE_INTERRUPTED) printer.say('\nInterrupted; stopping.')
await running.system?.stop()
await endpoint.stop()
process.exit(exitCode)

/** Resolves with the exit code; what it started is stopped by the caller unless it came to the end. */
async function demo({ openaiBaseUrl, anthropicBaseUrl }: ModelEndpoint): Promise<number> {
  const startedAtMs = performance.now()
  introduce()
  // Behind a proxy, too, the instance is here.
  process.env.NO_PROXY = [process.env.NO_PROXY ?? process.env.no_proxy, '127.0.0.1'].filter(Boolean).join()
  try {
    const directory = temporaryDirectory('demo')
    const project = makeProject(directory, printer)
    // The instance gets these settings and no others: no key of the person's, no other model.
    const instance = {
      LOCAL_GIT_ROOTS: directory,
      OPENAI_BASE_URL: openaiBaseUrl,
      ANTHROPIC_BASE_URL: anthropicBaseUrl,
    }
    const { baseUrl } = await start({ ...registrySettings(), ...instance })
    await takeTour({ client: createClient(baseUrl, printer), printer, project })
    await stop()
    const seconds = Math.round((performance.now() - startedAtMs) / 1000)
    printer.say(
      `\nThat was all, in ${seconds} s. Now with a model and a repository of yours: npm start, and README.md.`,
    )
    return 0
  } catch (err) {
    console.error(`\nThe demo failed: ${err instanceof Error ? err.message : err}`)
    return 1
  }
}

function introduce(): void {
  printer.say(
    'The whole tour on an instance of its own. A stand-in plays the model, so it needs no key and spends\n' +
      'nothing; all else is real: Postgres, NATS, git, the sandbox, the command lines of Claude Code and Codex.',
  )
  const ignored = OWN_KEYS.filter(name => process.env[name])
  if (ignored.length > 0) printer.say(`(${ignored.join(' and ')} in your environment: not used here.)`)
}

async function start(env: Record<string, string>): Promise<System> {
  printer.step('Start')
  printer.typed('npm start')
  const system = await startSystem({ env, home: homeWithHarnesses(INSTALLATIONS) })
  running.system = system
  printer.answer(`${/^Ready after.*/m.exec(system.output())?.[0]}\nURL=${system.baseUrl}`)
  return system
}

async function stop(): Promise<void> {
  printer.step('Stop, with ctrl-C')
  const { system } = running
  running.system = null
  const exitCode = await system?.stop()
  if (exitCode !== 0) throw new Error(`the instance ended with exit code ${exitCode}:\n${system?.output()}`)
  printer.answer('All processes have ended. Only the command lines are kept, for the next demo.')
}
