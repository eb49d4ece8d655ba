/** What the gateway adds to an answer's time at 1,000 requests a second: through it against without it. */
import { quantile } from '../statistics.ts'
import { formatTable, ms } from '../table.ts'
import { latenciesAt } from './load.ts'
import { startUpstream } from './nginx.ts'
import { startScene } from './scene.ts'

const RATE = 1_000
const SECONDS = 4
const SHARES = [0.5, 0.99, 0.999]

/** Resolves with the table to print. */
export async function measureAddedLatency({ rounds }: { rounds: number }): Promise<string> {
  const upstream = await startUpstream()
  const scene = await startScene(upstream.url)
  const direct = { ...scene.gateway, url: upstream.url + new URL(scene.gateway.url).pathname }
  const figures = { without: [] as number[], through: [] as number[] }
  await latenciesAt(scene.gateway, RATE, SECONDS)
  for (let round = 1; round <= rounds; round += 1) {
    figures.without.push(...(await latenciesAt(direct, RATE, SECONDS)))
    figures.through.push(...(await latenciesAt(scene.gateway, RATE, SECONDS)))
    console.log(`gateway latency: round ${round} of ${rounds}`)
  }
  await upstream.stop()
  await scene.stop()
  const line = (values: readonly number[]) => SHARES.map(share => ms(quantile(values, share)))
  const added = SHARES.map(share => ms(quantile(figures.through, share) - quantile(figures.without, share)))
  return formatTable(
    `Latency at ${RATE} requests/s (ms, ${figures.through.length} requests)`,
    ['', 'p50', 'p99', 'p99.9'],
    [
      ['upstream alone', ...line(figures.without)],
      ['through the gateway', ...line(figures.through)],
      ['added', ...added],
    ],
  )
}
