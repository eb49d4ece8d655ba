import { expect, test } from 'bun:test'
import { Type } from '@sinclair/typebox'
import { commaList, readConfig } from './config.ts'

const Settings = Type.Object({
  PORT: Type.Integer({ minimum: 1, description: 'port to listen on' }),
  ENABLED: Type.Boolean({ default: false }),
  NAME: Type.Optional(Type.String()),
})

test('texts become the declared types, blanks are unset, defaults apply', () => {
  expect(readConfig(Settings, { PORT: ' 80 ', ENABLED: 'true', NAME: '  ' })).toEqual({
    PORT: 80,
    ENABLED: true,
  })
  expect(readConfig(Settings, { PORT: '80' }).ENABLED).toBe(false)
})

test('every fault is told at once, with the name and the purpose of the setting', () => {
  expect(() => readConfig(Settings, { ENABLED: 'perhaps' })).toThrow(
    /PORT: is not set \(port to listen on\)[\s\S]*ENABLED/,
  )
  expect(() => readConfig(Settings, { PORT: 'eighty' })).toThrow(/PORT: Expected integer/)
})

test('a whole number is written in digits; nothing else is made into one', () => {
  for (const text of ['1.5', '0.5', '1e3', '0x10', 'true', '1 000'])
    expect(() => readConfig(Settings, { PORT: text })).toThrow(/PORT: Expected integer/)
  expect(() => readConfig(Settings, { PORT: '-1' })).toThrow(/PORT: Expected integer to be greater/)
})

test('the value cannot be changed', () => {
  expect(Object.isFrozen(readConfig(Settings, { PORT: '80' }))).toBe(true)
})

test('a comma list drops blanks', () => {
  expect(commaList(' a, ,b,')).toEqual(['a', 'b'])
})
