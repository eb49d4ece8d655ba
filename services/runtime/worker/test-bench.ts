/** What the tests of this folder stand on: accepted runs on a real database, claimed as a worker does it. */

import { join } from 'node:path'
import { createLog } from '@mogplex/kit/log.ts'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import type { AgentRun } from '../database/schema.ts'
import { createLocalSandboxProvider } from '../sandboxes/local/local.ts'
import { type HttpRuntime, useHttpRuntime } from '../test-bench/http-runtime.ts'
import { acceptedRun, readRun } from '../test-bench/run-client.ts'
import { type Claim, type ClaimOptions, claimNextRun } from './claim.ts'
import { holdLease } from './lease.ts'

export const CLAIM: ClaimOptions = { provider: 'local', maxActivePerUser: 3, leaseSeconds: 60 }
export const log = createLog({ process: 'test', level: 'silent' })

/** Close it after the test file. */
export async function useWorkerBench() {
  const runtime = await useHttpRuntime()
  const { database, sql, live } = runtime
  return {
    ...runtime,
    accept: () => acceptedRun(runtime),
    read: (run: Pick<AgentRun, 'id'>) => readRun(runtime, run.id),
    claim: (options: Partial<ClaimOptions> = {}) => claimNextRun(database, { ...CLAIM, ...options }),
    /** A fresh run, claimed; there must be no other that could be. */
    claimed: async (leaseSeconds = 60): Promise<Claim> => {
      const run = await acceptedRun(runtime)
      const claim = await claimNextRun(database, { ...CLAIM, leaseSeconds })
      if (claim?.run.id !== run.id) throw new Error('another run was claimed')
      return claim
    },
    hold: (claim: Claim, leaseSeconds = 60) =>
      holdLease(claim, { database, live, log, settings: { leaseSeconds } }),
    /** As if the time of the run's lease were over. */
    letLeaseRunOut: async ({ run }: Pick<Claim, 'run'>) => {
      await sql`update runtime.agent_runs set lease_expires_at = now() - interval '1 second' where id = ${run.id}`
    },
    /** As if the run had ended. */
    end: async ({ run }: Pick<Claim, 'run'>) => {
      await sql`update runtime.agent_runs set status = 'success', lease_token = null where id = ${run.id}`
    },
  }
}

/** The same with a sandbox of this machine, for what an agent does; close it after the test file. */
export async function useSandboxBench() {
  const bench = await useWorkerBench()
  const dataDirectory = temporaryDirectory('worker-sandbox')
  const provider = createLocalSandboxProvider({ dataDirectory, log })
  const sandboxId = await provider.create(crypto.randomUUID())
  return {
    ...bench,
    provider,
    sandboxId,
    /** Where a file at the top of the checkout lies on this machine. */
    fileInCheckout: (name: string) => join(dataDirectory, 'sandboxes', sandboxId, 'workspace', name),
    close: async () => {
      await provider.destroy(sandboxId)
      await bench.close()
    },
  }
}

export type SandboxBench = Awaited<ReturnType<typeof useSandboxBench>>

export type WorkerBench = Awaited<ReturnType<typeof useWorkerBench>> & Pick<HttpRuntime, 'database'>
