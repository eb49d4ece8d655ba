/** What an agent sends to the way to its model, byte by byte, and what must become of it. */

export interface Probe {
  /** Completes "an agent tries …". */
  tries: string
  request: string
  /** Statuses that are right; null: the connection is closed without an answer. */
  answered: (number | null)[]
  /** Whether the endpoint gets to see it; it must then have the right key and nothing of the agent's. */
  isForwarded: boolean
}

const END = 'Host: x\r\nConnection: close\r\n\r\n'
const get = (target: string, headers = '') => `GET ${target} HTTP/1.1\r\n${headers}${END}`
const refused = (tries: string, request: string, ...answered: (number | null)[]): Probe => ({
  tries,
  request,
  answered,
  isForwarded: false,
})
const forwarded = (tries: string, request: string, ...answered: number[]): Probe => ({
  tries,
  request,
  answered,
  isForwarded: true,
})

/** `attacker`: `host:port` of a server that must never be asked. */
export function probes(attacker: string): Record<string, Probe> {
  return {
    'above-base': refused('to ask for a path above the base URL', get('/admin/keys'), 403),
    'sibling-base': refused('to ask for a path that only begins like the base', get('/v1beta/models'), 403),
    'dot-dot': refused('to climb out of the base URL by ..', get('/v1/../admin/keys'), 403),
    'encoded-dots': refused('to climb out by encoded dots', get('/v1/%2e%2e/admin/keys'), 403),
    'encoded-slash': refused('to climb out by an encoded slash', get('/v1/..%2fadmin/keys'), 403),
    'twice-encoded': refused(
      'to climb out by what is encoded twice',
      get('/v1/%252e%252e%252fadmin/keys'),
      403,
    ),
    backslash: refused('to climb out by a backslash', get('/v1\\..\\admin/keys'), 400),
    'absolute-form': refused(
      'to name another host in the request line',
      get(`http://${attacker}/v1/models`),
      400,
    ),
    'double-slash': refused('to name another host by two slashes', get(`//${attacker}/v1/models`), 403),
    connect: refused('to open a tunnel', `CONNECT ${attacker} HTTP/1.1\r\nHost: x\r\n\r\n`, null, 400, 405),
    trace: refused('to have its request traced', `TRACE /v1/models HTTP/1.1\r\n${END}`, 405, 400),
    put: refused('a method no model needs', `PUT /v1/models HTTP/1.1\r\nContent-Length: 0\r\n${END}`, 405),
    'two-lengths': refused(
      'to smuggle by two lengths',
      `POST /v1/models HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 60\r\n${END}abcGET /admin/keys HTTP/1.1\r\n\r\n`,
      400,
    ),
    'length-and-chunks': refused(
      'to smuggle by a length beside chunks',
      `POST /v1/models HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n${END}0\r\n\r\nGET /admin/keys HTTP/1.1\r\n\r\n`,
      400,
    ),
    'odd-coding': refused(
      'to smuggle by a coding that only one side knows',
      `POST /v1/models HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n${END}0\r\n\r\n`,
      400,
    ),
    'blank-before-colon': refused(
      'to smuggle by a blank before the colon',
      `POST /v1/models HTTP/1.1\r\nTransfer-Encoding : chunked\r\n${END}0\r\n\r\n`,
      400,
    ),
    'huge-header': refused(
      'a header of a megabyte',
      get('/v1/models', `X: ${'y'.repeat(1 << 20)}\r\n`),
      431,
      400,
      null,
    ),
    'huge-body': refused(
      'a body of ten gigabytes',
      `POST /v1/models HTTP/1.1\r\nContent-Length: 10000000000\r\n${END}abc`,
      413,
    ),
    'other-host': forwarded(
      'to name another host in a header',
      get('/v1/probe-host').replace('x', attacker),
      404,
    ),
    'own-key': forwarded(
      'to bring credentials of its own',
      get('/v1/probe-own', 'Authorization: Bearer mine\r\nX-Api-Key: mine\r\nCookie: s=mine\r\n'),
      404,
    ),
    'drop-key': forwarded(
      'to have the key taken off again as a field of the connection',
      get('/v1/probe-drop').replace('Connection: close', 'Connection: close, authorization, x-api-key'),
      404,
    ),
    reflected: forwarded('to have the endpoint repeat the key in its answer', get('/v1/reflect'), 200),
    'reflected-compressed': forwarded(
      'to have it repeated compressed',
      get('/v1/reflect-gzip', 'Accept-Encoding: gzip\r\n'),
      502,
    ),
    redirected: forwarded('to have itself sent elsewhere with the key', get('/v1/redirect'), 307),
  }
}

/** A script that sends each of them, all at once, and keeps the answers below `~/answers`. */
export function probeScript(all: Record<string, Probe>, port: number): string {
  const send = ([name, { request }]: [string, Probe]) =>
    `base64 -d > /tmp/${name} <<'END_OF_REQUEST'\n${btoa(request)}\nEND_OF_REQUEST\n(exec 3<>/dev/tcp/127.0.0.1/${port}; cat /tmp/${name} >&3; timeout 10 cat <&3 > ~/answers/${name}) 2>/dev/null &`
  return ['#!/bin/bash', 'mkdir -p ~/answers', ...Object.entries(all).map(send), 'wait', ''].join('\n')
}
