/** The programs that run now: started here, logged here, and known to `state.json` as long as they run. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '@mogplex/kit/describe-error.ts'
import { identifyProcess } from '@mogplex/kit/processes/identity.ts'
import type { Home } from '../home.ts'
import { type Level, lineSplitter, readableLine } from '../log/readable-line.ts'
import { openRotatingFile } from '../log/rotating-file.ts'
import type { Terminal } from '../log/terminal.ts'
import type { Settings } from '../settings.ts'
import { type State, writeState } from '../state.ts'
import { type Program, type Supervised, supervise } from '../supervisor/supervise.ts'

export interface Crew {
  /** Everything is up: from now on warnings are shown as well. */
  isUp: () => void
  /** Completes `state.json`. */
  knows: (addresses: Partial<Pick<State, 'databaseUrl' | 'natsUrl' | 'socketDirectory'>>) => void
  /** Throws once {@link Crew.close} was called. */
  start: (program: Program, address: string) => Supervised
  /** No further starts; returns everything that was started. */
  close: () => readonly Supervised[]
  killAll: () => void
  /** Everything has ended: nothing is left to be known. */
  end: () => void
}

/** These talk to themselves; their log files are enough. */
const QUIET = new Set(['postgres', 'nats'])

export function createCrew(home: Home, settings: Settings, terminal: Terminal): Crew {
  const crew: Supervised[] = []
  let isClosed = false
  // While the processes wait for each other their warnings say nothing new; the log files have them.
  let shown: Level = 'error'
  const state: State = {
    launcher: { pid: process.pid, identity: identifyProcess(process.pid) ?? '' },
    baseUrl: `http://127.0.0.1:${settings.port}`,
    databaseUrl: '',
    natsUrl: '',
    processes: {},
  }
  const news = openRotatingFile(join(home.logs, 'launcher.log'))
  const save = () => writeState(home.stateFile, state)
  save()

  const start = (program: Program, address: string) => {
    if (isClosed) throw new Error('stopping')
    const { name } = program
    const logFile = join(home.logs, `${name}.log`)
    const log = openRotatingFile(logFile)
    const showLine = lineSplitter(line => {
      const text = QUIET.has(name) ? null : readableLine(line, shown)
      if (text !== null) terminal.about(name, text)
    })
    const supervised = supervise(program, {
      onOutput: bytes => {
        log.write(bytes)
        showLine(bytes)
      },
      onNews: text => {
        terminal.about(name, text)
        news.write(Buffer.from(`${new Date().toISOString()} ${name} ${text}\n`))
      },
      onPid: pid => {
        delete state.processes[name]
        const identity = pid === null ? null : identifyProcess(pid)
        if (pid !== null && identity !== null) state.processes[name] = { pid, identity, address }
        save()
      },
    })
    crew.push(supervised)
    const ready = (limitMs: number) =>
      supervised.ready(limitMs).catch(cause => {
        throw new Error(`${messageOf(cause)}; see ${logFile}`, { cause })
      })
    return { ...supervised, ready }
  }

  return {
    start,
    isUp: () => {
      shown = 'warn'
    },
    knows: addresses => {
      Object.assign(state, addresses)
      save()
    },
    close: () => {
      isClosed = true
      return crew
    },
    killAll: () => {
      for (const program of crew) program.kill()
    },
    end: () => rmSync(home.stateFile, { force: true }),
  }
}
