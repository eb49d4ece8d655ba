/** Issue 2, "It must hold", 7: bad input of every field of every route. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { ROUTES, type Route } from '@mogplex/proto/routes.ts'
import { call } from '../accounts.ts'
import {
  type Answer,
  ask,
  inputOf,
  keyOf,
  type Read,
  refuseAll,
  type Scene,
  sendAll,
  setScene,
} from './asking.ts'
import type { Field, Verdict } from './fields.ts'
import { INPUTS } from './inputs.ts'
import { MALFORMED_IDS, NO_OBJECTS, ODD_IDS, QUERY_VALUES, VALUES, type Value } from './values.ts'

setDefaultTimeout(120_000)

let scene: Scene
beforeAll(async () => {
  scene = await setScene()
}, 120_000)
afterAll(async () => {
  await scene.storage.close()
  await scene.system.stop()
}, 120_000)

const readers = ROUTES.filter(row => inputOf(row).fields)

test('the input of every row of the route table is known here', () => {
  expect(Object.keys(INPUTS).sort()).toEqual(ROUTES.map(keyOf).sort())
})

interface Case {
  name: string
  field: Field
  value: Value
  verdict: Verdict
}

describe('every value in every field of the body:', () => {
  for (const row of readers) {
    test(keyOf(row), async () => {
      const cases = Object.entries(inputOf(row).fields ?? {}).flatMap(([name, field]) =>
        VALUES.map((value): Case => ({ name, field, value, verdict: field.judge(value) })),
      )
      const read: Read<Case> = async (each, as) =>
        judge(row, each, await ask(scene, row, as, { body: bodyWith(row, each) }))
      const isGood = ({ verdict }: Case) => verdict === 'accepted'
      expect(await sendAll(scene, row, cases.filter(isGood), read)).toEqual([])
      const others = cases.filter(each => !isGood(each))
      expect(await refuseAll(scene, row, others, read)).toEqual([])
    })
  }
})

/** As JSON text, because not every value survives an object. */
function bodyWith(row: Route, { name, value: { json } }: Case): string {
  const others = Object.entries(inputOf(row).body?.(scene.place) ?? {}).filter(([key]) => key !== name)
  const members = others.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
  return `{${[...members, `${JSON.stringify(name)}:${json}`].join(',')}}`
}

function judge(row: Route, { name, field, value, verdict }: Case, answer: Answer): string | null {
  const { status, code, message } = answer
  const fault = told(`${name} = ${value.name} is ${verdict}`, answer)
  if (verdict === 'accepted') return (inputOf(row).accepted ?? [200]).includes(status) ? null : fault
  if (verdict === 'unknown') return status === 404 ? null : fault
  const isNamed = field.says ? field.says.test(message) : message.includes(name)
  return status === 400 && isNamed && field.codes.includes(code) ? null : fault
}

function told(what: string, { status, code, message }: Answer): string {
  return `${what}, but: ${status} ${code} ${message}`
}

/** Every answer has to be this one. */
function answeredWith(status: number, code: string) {
  return (what: string, answer: Answer) =>
    answer.status === status && answer.code === code ? null : told(what, answer)
}

describe('a body that is no JSON object is refused:', () => {
  const isRefused = answeredWith(400, 'BAD_REQUEST')
  for (const row of readers) {
    test(keyOf(row), async () => {
      const faults = await refuseAll(scene, row, NO_OBJECTS, async (body, as) =>
        isRefused(String(body).slice(0, 40), await ask(scene, row, as, { body })),
      )
      expect(faults).toEqual([])
    })
  }
})

describe('a body that nobody reads may be anything:', () => {
  for (const row of ROUTES.filter(each => each.method !== 'GET' && !inputOf(each).fields)) {
    test(keyOf(row), async () => {
      const { status, code } = await ask(scene, row, scene.ada, {})
      const isTheSame = answeredWith(status, code)
      const faults = await refuseAll(scene, row, NO_OBJECTS, async (body, as) =>
        isTheSame(String(body).slice(0, 40), await ask(scene, row, as, { body })),
      )
      expect(faults).toEqual([])
    })
  }
})

const MIB = 1024 * 1024

describe('a body of more than 1 MiB is refused, whether it says so or not:', () => {
  const isTooLarge = answeredWith(413, 'BAD_REQUEST')
  for (const row of ROUTES.filter(each => each.method !== 'GET')) {
    test(keyOf(row), async () => {
      const text = `{"padding":"${'x'.repeat(MIB)}"}`
      const bodies: [string, () => BodyInit][] = [
        ['declared', () => text],
        ['streamed', () => new Blob([text]).stream()],
      ]
      const faults = await refuseAll(scene, row, bodies, async ([how, body], as) =>
        isTooLarge(how, await ask(scene, row, as, { body: body() })),
      )
      expect(faults).toEqual([])
    })
  }
})

test('a body of exactly 1 MiB is read', async () => {
  const row = rowOf('PATCH /api/settings')
  const start = '{"theme":"dark","padding":"'
  const body = `${start}${'x'.repeat(MIB - start.length - 2)}"}`
  expect(body.length).toBe(MIB)
  expect((await ask(scene, row, scene.ada, { body })).status).toBe(200)
})

function rowOf(key: string): Route {
  const row = ROUTES.find(each => keyOf(each) === key)
  if (!row) throw new Error(`there is no ${key}`)
  return row
}

describe('odd ids in the path are unknown ones, malformed ones are refused:', () => {
  for (const row of ROUTES.filter(each => each.path.includes(':'))) {
    test(keyOf(row), async () => {
      const isUnknown = answeredWith(404, row.path.startsWith('/api/repos/') ? 'REPO_NOT_FOUND' : 'NOT_FOUND')
      const isMalformed = answeredWith(400, 'BAD_REQUEST')
      const body = row.method === 'GET' ? {} : { body: '{}' }
      const faults = await refuseAll(scene, row, [...ODD_IDS, ...MALFORMED_IDS], async (id, as) => {
        const judgement = MALFORMED_IDS.includes(id) ? isMalformed : isUnknown
        return judgement(id.slice(0, 40), await ask(scene, row, as, { id, ...body }))
      })
      expect(faults).toEqual([])
    })
  }
})

describe('every value in every query parameter:', () => {
  for (const row of ROUTES.filter(each => inputOf(each).query)) {
    test(keyOf(row), async () => {
      const cases = Object.entries(inputOf(row).query ?? {}).flatMap(([name, statusOf]) =>
        QUERY_VALUES.map(value => ({ name, value, status: statusOf(value) })),
      )
      const faults = await refuseAll(scene, row, cases, async ({ name, value, status }, as) => {
        const query = `?${name}=${value}`
        const answer = await ask(scene, row, as, { query })
        const isNamed = status !== 400 || answer.message.includes(name)
        return answer.status === status && isNamed ? null : told(query.slice(0, 40), answer)
      })
      expect(faults).toEqual([])
    })
  }
})

describe('headers that say something:', () => {
  test('a run needs an Idempotency-Key of 1 to 200 characters, before its body is looked at', async () => {
    const row = rowOf('POST /api/v1/mogplex/runs')
    const missing = 'Idempotency-Key is required'
    const cases: [Record<string, string>, string][] = [
      [{}, missing],
      [{ 'idempotency-key': '' }, missing],
      [{ 'idempotency-key': '   ' }, missing],
      [{ 'idempotency-key': 'x'.repeat(201) }, 'Idempotency-Key exceeds maximum length of 200 characters'],
      [{ 'idempotency-key': ` ${'x'.repeat(200)} ` }, 'Invalid JSON body'],
    ]
    const faults = await refuseAll(scene, row, cases, async ([headers, message], as) => {
      const answer = await ask(scene, row, as, { headers, body: 'no JSON' })
      return answer.status === 400 && answer.message === message ? null : told(message, answer)
    })
    expect(faults).toEqual([])
  })

  test('a stream begins behind an event of its run or not at all', async () => {
    const row = rowOf('GET /api/v1/mogplex/runs/:runId/events')
    const ids = ['x', '0', '__proto__', crypto.randomUUID(), 'start', 'x'.repeat(5_000)]
    const faults = await refuseAll(scene, row, ids, async (id, as) => {
      const headers = { accept: 'text/event-stream', 'last-event-id': id }
      const answer = await ask(scene, row, as, { headers })
      return answer.status === 400 && answer.message === 'Invalid Last-Event-ID' ? null : told(id, answer)
    })
    expect(faults).toEqual([])
  })
})

test('of a repeated query parameter the first counts', async () => {
  const { system, ada, place } = scene
  const get = async (path: string) =>
    (await call<unknown[]>(system, 'GET', path, { as: { token: ada.token } })).body
  expect(await get(`/api/repos?id=${place.repoId}&id=x`)).toHaveLength(1)
  expect(await get(`/api/repos?id=x&id=${place.repoId}`)).toEqual([])
})
