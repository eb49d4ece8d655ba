/** A runtime process for the tests: starts a sandbox that would run forever. Arguments: data directory, marker. */
import { createLog } from '@mogplex/kit/log.ts'
import { createLocalSandboxProvider } from './local.ts'

const [dataDirectory = '', marker = ''] = process.argv.slice(2)
const log = createLog({ process: 'test', level: 'silent' })
const provider = createLocalSandboxProvider({ dataDirectory, log })
const sandboxId = await provider.create(crypto.randomUUID())
const script = `setsid -f bash -c 'exec -a "${marker} daemon" sleep 1000'; sleep 1000`
const held = await provider.start(sandboxId, { argv: ['bash', '-c', script, marker], network: 'egress' })
process.stdout.write('started\n')
await held.exited
