/**
 * The operator's commands on accounts. `npm run admin` finds the instance's database and runs this.
 * Exits 1 when the command cannot be done, 2 when there is no such command.
 */
import { join } from 'node:path'
import { readConfig } from '@mogplex/kit/config.ts'
import { connectDatabase } from '@mogplex/kit/database/connect.ts'
import { migrate } from '@mogplex/kit/database/migrate.ts'
import { createLog } from '@mogplex/kit/log.ts'
import { Type } from '@sinclair/typebox'
import { readCommand, USAGE } from './command.ts'
import { Refused, runCommand } from './run.ts'

const Settings = Type.Object({
  DATABASE_URL: Type.String({ description: "postgres://… with identity's own login role" }),
})

async function main(args: readonly string[]): Promise<number> {
  const command = readCommand(args)
  if (!command) {
    console.error(USAGE)
    return 2
  }
  const { DATABASE_URL: url } = readConfig(Settings, process.env)
  const log = createLog({ process: 'identity-admin', level: 'error' })
  const { database, sql, close } = await connectDatabase({ url, applicationName: 'identity-admin', log })
  try {
    // The instance may have been stopped before the code was updated.
    await migrate(sql, { schema: 'identity', folder: join(import.meta.dir, '../database/migrations') })
    console.log(await runCommand(database, command, new Date()))
    return 0
  } catch (err) {
    if (!(err instanceof Refused)) throw err
    console.error(err.message)
    return 1
  } finally {
    await close()
  }
}

process.exit(await main(process.argv.slice(2)))
