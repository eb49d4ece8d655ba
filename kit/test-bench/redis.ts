/** A real redis-server for tests, one for every asker, that can be taken away, frozen and brought back. */
import { connect } from 'node:net'
import { waitUntil } from '../processes/wait-until.ts'
import { atExit, temporaryDirectory } from './ended-at-exit.ts'
import { reservePort } from './ports.ts'

export interface TestRedis {
  /** With its password. */
  url: string
  /** SIGKILL; what it held is lost. */
  stop: () => Promise<void>
  /** Brings it back on the same port, empty. */
  start: () => Promise<void>
  /** It keeps its connections and answers nothing. */
  freeze: () => void
  thaw: () => void
  /** Ends it for good; not needed before the process exits. */
  close: () => Promise<void>
}

const START_LIMIT_MS = 15_000
const PASSWORD = 'of-the-test'

/** Starts a server on a free port of 127.0.0.1 that keeps nothing on disk. */
export async function useRedis(): Promise<TestRedis> {
  const directory = temporaryDirectory('redis')
  const port = await reservePort()
  const command = [
    ...['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--dir', directory],
    ...['--save', '', '--appendonly', 'no', '--requirepass', PASSWORD],
  ]
  let child: Bun.Subprocess | null = null
  const stop = async () => {
    child?.kill('SIGKILL')
    await child?.exited
    child = null
  }
  const start = async () => {
    if (child) throw new Error('this Redis server is running already')
    const started = Bun.spawn(command, { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
    started.unref()
    child = started
    const isUp = () => started.exitCode !== null || isAnswering(port)
    if (!(await waitUntil(isUp, { limitMs: START_LIMIT_MS, everyMs: 20 })) || started.exitCode !== null)
      throw new Error('the Redis server for tests did not start')
  }
  const forget = atExit(() => child?.kill('SIGKILL'))
  await start()
  return {
    url: `redis://:${PASSWORD}@127.0.0.1:${port}`,
    stop,
    start,
    freeze: () => child?.kill('SIGSTOP'),
    thaw: () => child?.kill('SIGCONT'),
    close: async () => {
      await stop()
      forget()
    },
  }
}

function isAnswering(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: '127.0.0.1', port })
    const say = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => socket.write('PING\r\n'))
    // Asking for the password is an answer too; LOADING is not.
    socket.once('data', data => say(data.toString().startsWith('-NOAUTH')))
    socket.once('error', () => say(false))
  })
}
