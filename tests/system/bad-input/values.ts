/**
 * What a confused or hostile client puts where a field's value belongs, as JSON text: half a surrogate
 * pair, numbers beyond all range and a member called `__proto__` get lost in an object literal.
 */
export interface Value {
  /** The JSON text. */
  json: string
  /** What it is read as. */
  value: unknown
  /** Short, for the list of what went wrong. */
  name: string
}

const text = (content: string) => JSON.stringify(content)

const SCALARS = [
  'null',
  'true',
  'false',
  '0',
  '5',
  '-1',
  '1.5',
  '1e308',
  '1e400',
  '-1e400',
  '9007199254740993',
]

const TEXTS = [
  ...['', '   ', ' \t\n ', '5', '-5', '1.5', 'NaN', 'true', 'null', 'x'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '[object Object]'],
  ...['../../etc/passwd', '/', '%2e%2e/x', '--upload-pack=touch x', "'; drop table users; --"],
  ...['line\nbreak', 'tab\there', '\u001b[31m', '\u202egpj', '\ufeff', 'Ω', '👩‍👩‍👧'],
  ...[101, 201, 300, 1_025, 2_001, 4_097, 100_001].map(length => 'x'.repeat(length)),
].map(text)

const UNSTORABLE = [
  ...['"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"a\\udfffb"', '"\\udc00\\ud800"'],
  ...['["a\\u0000"]', '{"a":"\\u0000"}', '{"a\\u0000b":1}', '{"a":["\\ud800"]}'],
]

const COMPOUND = [
  ...['[]', '[[]]', '[null]', '["read"]', '["read","admin"]', '[5]', '["x","x"]'],
  ...['{}', '{"a":1}', '{"length":5}', '{"a b":"c"}', '{"toString":1}', '{"valueOf":{}}'],
  ...['{"__proto__":{"polluted":true}}', '{"constructor":{"prototype":{"polluted":true}}}'],
  ...['{"username":"u"}', '{"username":5,"token":[]}', '{"ssh_private_key":"x"}'],
  `${'['.repeat(100)}${']'.repeat(100)}`,
  `${'{"a":'.repeat(100)}1${'}'.repeat(100)}`,
]

export const VALUES: readonly Value[] = [...SCALARS, ...TEXTS, ...UNSTORABLE, ...COMPOUND].map(json => ({
  json,
  value: JSON.parse(json),
  name: json.length > 60 ? `${json.slice(0, 50)}… (${json.length} characters)` : json,
}))

/** Whether Postgres could store every string in it. */
export function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\0') && value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, member]) => isStorable(key) && isStorable(member))
}

/** Bodies that are no JSON object. */
export const NO_OBJECTS: readonly (string | Uint8Array<ArrayBuffer>)[] = [
  ...['', ' ', 'null', 'true', '1', '"text"', '[]', '[{}]', 'undefined', 'NaN', '{', '{"a":1', '{"a":}'],
  ...["{'a':1}", '{a:1}', '{"a":1}}', '{"a":1},', '// x', 'a=b&c=d', '<a/>', '\u0000', '{"a":"\u0000"}'],
  '['.repeat(100_000),
  '{"a":'.repeat(100_000),
  `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
  `{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
  new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]),
  new Uint8Array([0x1f, 0x8b, 0x08, 0x00, 0x00]),
]

/** What comes where an id belongs in a path, percent-encoded; none is a known id, all are 404. */
export const ODD_IDS: readonly string[] = [
  ...['x', '0', '-1', 'null', 'undefined', 'NaN', '__proto__', 'constructor', 'start', '*', '~', '...'],
  ...['%20', '%C3%A9', '%F0%9F%91%A9', '%E2%80%AE', '%EF%BB%BF', "'%20or%201=1--", '%25', '%2500', 'a%3Fb'],
  ...['{}', '[]', '%7B%22a%22:1%7D', 'a;b', 'a:b', 'a@b', 'a,b', '00000000-0000-0000-0000-000000000000'],
  ...['urn:uuid:00000000-0000-0000-0000-000000000000', '%7B00000000-0000-0000-0000-000000000000%7D'],
  ...['00000000000000000000000000000000', 'g0000000-0000-0000-0000-000000000000', 'x'.repeat(8_000)],
]

/**
 * What makes the whole path malformed: 400 before anybody looks for the route. Dot segments are not among
 * them because a client resolves them itself; the gateway's tests send those.
 */
export const MALFORMED_IDS: readonly string[] = [
  ...['%2F', 'a%2Fb', 'a%2fb', '%5C', 'a%5cb', '%00', 'a%00b', '%0A', '%1f', '%7f', '%C2%80'],
  ...['%', '%2', '%zz', 'a%', '%ff', '%C3', '%ED%A0%80', '%c0%af', '%23'],
]

/** Query values, percent-encoded. */
export const QUERY_VALUES: readonly string[] = [
  ...[
    '',
    '%20',
    '%09',
    'x',
    '0',
    '1',
    '5',
    '-3',
    '1.5',
    '12abc',
    'abc',
    '1e3',
    '0x10',
    '1e999',
    'NaN',
    'Infinity',
  ],
  ...['-Infinity', '99999999999999999999', '__proto__', 'constructor', 'null', 'true', 'false', '[]', '{}'],
  ...[
    '%00',
    'a%00b',
    '%ff',
    '%',
    '%zz',
    '%ED%A0%80',
    '%C3%A9',
    '%F0%9F%91%A9',
    '%E2%80%AE',
    '%25',
    '%5C',
    '_',
  ],
  ...["'%20or%201=1--", '%27;drop%20table%20x;--', '00000000-0000-0000-0000-000000000000', 'x'.repeat(8_000)],
]
