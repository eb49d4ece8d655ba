/** The gateway process: the only one reachable from outside (gateway spec). */
import { runProcess } from '@mogplex/kit/boot/process.ts'
import { startGateway } from './gateway.ts'

await runProcess('gateway', async log => {
  const { url, closers } = await startGateway(process.env, log)
  log.info({ event: 'gateway.listening', url })
  return closers
})
