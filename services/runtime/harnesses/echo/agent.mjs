/**
 * The echo agent: follows the directives of the prompt on stdin, line by line, and prints what it does as
 * JSON lines. Runs inside the sandbox under plain Node, so it imports nothing of ours (runtime spec 3.1).
 *
 * `say TEXT`, `write PATH TEXT`, `run CMD`, `sleep MS`, `usage IN OUT`, `fail TEXT`; any other line is said.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { mkdir, open, realpath } from 'node:fs/promises'
import { dirname, relative, resolve, sep } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

/** More of a command's output is dropped. */
const MAX_OUTPUT_LENGTH = 64 * 1024

const root = process.cwd()
let toolCalls = 0

const print = line => process.stdout.write(`${JSON.stringify(line)}\n`)

const DIRECTIVES = [
  [/^say (.*)$/, said => print({ type: 'assistant', text: said })],
  [/^write (\S+) (.*)$/, write],
  [/^run (.+)$/, run],
  [/^sleep (\d{1,9})$/, ms => sleep(Number(ms))],
  [
    /^usage (\d{1,12}) (\d{1,12})$/,
    (input, output) => print({ type: 'usage', input: Number(input), output: Number(output) }),
  ],
  [/^fail (.*)$/, fail],
]

async function follow(line) {
  for (const [pattern, act] of DIRECTIVES) {
    const match = pattern.exec(line)
    if (match) return act(...match.slice(1))
  }
  print({ type: 'assistant', text: line })
}

/** The file's content is the text and a newline; folders on the way are made, links out are not followed. */
async function write(path, content) {
  const target = resolve(root, path)
  // A folder that is a link could lead out: what counts is where the nearest one that exists really is.
  let folder = dirname(target)
  while ((await realpath(folder).catch(() => null)) === null) folder = dirname(folder)
  const isOutside = !isInside(root, target) || !isInside(await realpath(root), await realpath(folder), true)
  if (isOutside) fail(`write: ${path} is outside the root directory`)
  try {
    await mkdir(dirname(target), { recursive: true })
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants
    const file = await open(target, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW)
    await file.writeFile(`${content}\n`)
    await file.close()
  } catch (error) {
    fail(`write: ${path}: ${error.code ?? error.message}`)
  }
}

function isInside(folder, path, orSame = false) {
  const way = relative(folder, path)
  return way === '' ? orSame : way !== '..' && !way.startsWith(`..${sep}`)
}

async function run(command) {
  toolCalls += 1
  const id = `tool-${toolCalls}`
  print({ type: 'tool_started', id, command })
  // The last two are this process's own: what a command prints there is as if the agent said it.
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe', 1, 2] })
  let output = ''
  const keep = chunk => {
    output = (output + chunk).slice(0, MAX_OUTPUT_LENGTH)
  }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)
  const exitCode = await new Promise(done => {
    child.on('error', () => done(127))
    child.on('close', code => done(code ?? 128))
  })
  print({ type: 'tool_finished', id, exitCode, output })
}

function fail(message) {
  print({ type: 'error', message })
  process.exit(1)
}

const prompt = await text(process.stdin)
for (const line of prompt.split(/\r?\n/)) {
  if (line.trim() !== '') await follow(line.trim())
}
