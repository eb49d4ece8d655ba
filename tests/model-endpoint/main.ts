/**
 * Runs the stand-in on its own: `bun tests/model-endpoint/main.ts [port]`. Prints one line with the base URLs
 * to set, then serves until it is told to stop.
 */
import { startModelEndpoint } from './endpoint.ts'

const endpoint = startModelEndpoint({ port: Number(process.argv[2] ?? 0) })
const { url, openaiBaseUrl, anthropicBaseUrl } = endpoint
console.log(JSON.stringify({ event: 'model-endpoint.listening', url, openaiBaseUrl, anthropicBaseUrl }))

const stop = async () => {
  await endpoint.stop()
  process.exit(0)
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
