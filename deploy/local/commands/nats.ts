/**
 * `npm run admin -- nats`: what a NATS of one's own needs. Our own is looked after by the launcher; where the
 * processes are started by something else, an operator runs this, with a login that may make streams.
 */
import { inboxPrefix } from '@mogplex/kit/bus/inbox.ts'
import { connectionOptions, natsLogin } from '@mogplex/kit/bus/nats-settings.ts'
import { ensureStreams } from '@mogplex/kit/bus/streams.ts'
import { connect } from '@nats-io/transport-node'
import { NATS_CLIENTS, permissionsOf } from '../nats-permissions.ts'
import type { GivenNats } from '../settings.ts'

const USAGE = `Usage:
  npm run admin -- nats streams   makes what is missing of streams and consumers, at NATS_URL
  npm run admin -- nats rights    prints which subjects each process needs, for the server's configuration`

/** Resolves with the exit code: 2 when there is no such command. */
export async function runNatsCommand(args: readonly string[], nats: GivenNats | null): Promise<number> {
  if (args.length === 1 && args[0] === 'rights') {
    console.log(
      JSON.stringify(Object.fromEntries(NATS_CLIENTS.map(name => [name, permissionsOf(name)])), null, 2),
    )
    return 0
  }
  if (args.length !== 1 || args[0] !== 'streams') {
    console.error(USAGE)
    return 2
  }
  if (!nats) throw new Error('Set NATS_URL; in the NATS that npm start runs itself, it makes the streams.')
  await makeStreams(nats)
  console.log('All streams and consumers are there.')
  return 0
}

async function makeStreams(nats: GivenNats): Promise<void> {
  const connection = await connect({
    ...connectionOptions(natsLogin(nats)),
    inboxPrefix: inboxPrefix('launcher'),
  })
  try {
    await ensureStreams(connection)
  } finally {
    await connection.close()
  }
}
