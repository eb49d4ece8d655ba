import { expect, test } from 'bun:test'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { lineSplitter, readableLine } from './readable-line.ts'
import { openRotatingFile } from './rotating-file.ts'

test('a log file is begun anew at its size; the oldest is dropped; all are 0600', () => {
  const file = join(temporaryDirectory('log'), 'runtime.log')
  const log = openRotatingFile(file, { maxBytes: 10, kept: 2 })
  for (const line of ['one....\n', 'two....\n', 'three..\n', 'four...\n']) log.write(Buffer.from(line))
  log.close()
  expect([file, `${file}.1`, `${file}.2`].map(name => readFileSync(name, 'utf8'))).toEqual([
    'four...\n',
    'three..\n',
    'two....\n',
  ])
  expect(existsSync(`${file}.3`)).toBe(false)
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test.each([
  ['{"level":30,"event":"process.ready"}', null],
  ['{"level":40,"event":"nats.unreachable","err":{"message":"refused"}}', 'warn  nats.unreachable  refused'],
  ['{"level":60,"event":"config","message":"PORT: is not set"}', 'fatal  config  PORT: is not set'],
  ['error: Cannot find module', 'error: Cannot find module'],
  ['{not json', '{not json'],
  ['   ', null],
])('%s is shown as %s', (line, shown) => {
  expect(readableLine(line)).toBe(shown)
})

test('an error is told once, though the logger writes its message twice', () => {
  expect(readableLine('{"level":50,"event":"a","err":{"message":"no"},"msg":"no"}')).toBe('error  a  no')
})

test('during the start, errors are shown and warnings are not', () => {
  expect(readableLine('{"level":40,"event":"waiting"}', 'error')).toBeNull()
  expect(readableLine('{"level":60,"event":"config"}', 'error')).toBe('fatal  config')
})

test('lines are put together again from any chunks, also within a character', () => {
  const lines: string[] = []
  const write = lineSplitter(line => lines.push(line))
  for (const byte of Buffer.from('grün\nblau\nrest')) write(new Uint8Array([byte]))
  expect(lines).toEqual(['grün', 'blau'])
})
