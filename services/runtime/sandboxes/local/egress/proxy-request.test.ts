import { expect, test } from 'bun:test'
import { parseProxyRequest } from './proxy-request.ts'

test('CONNECT names a host and a port, and sends nothing upstream', () => {
  expect(parseProxyRequest('CONNECT Example.COM.:8443 HTTP/1.1\r\nHost: other')).toEqual({
    hostname: 'example.com',
    port: 8443,
    head: null,
  })
  expect(parseProxyRequest('CONNECT [::1]:80 HTTP/1.1')).toEqual({ hostname: '::1', port: 80, head: null })
})

test('an absolute URL becomes a path, without what is between client and proxy', () => {
  const head = [
    'POST http://example.com:81/a/b?c=d HTTP/1.1',
    'Host: example.com:81',
    'Proxy-Authorization: Basic x',
    'Proxy-Connection: keep-alive',
    'Connection: keep-alive',
    'X-Kept: yes',
  ]
  expect(parseProxyRequest(head.join('\r\n'))).toEqual({
    hostname: 'example.com',
    port: 81,
    head: 'POST /a/b?c=d HTTP/1.1\r\nHost: example.com:81\r\nX-Kept: yes\r\nConnection: close\r\n\r\n',
  })
})

test('numbers in disguise are read as the address they are', () => {
  for (const host of ['2130706433', '0x7f.1', '017700000001', '127.1']) {
    expect(parseProxyRequest(`CONNECT ${host}:80 HTTP/1.1`)?.hostname).toBe('127.0.0.1')
  }
})

test('anything else is no proxy request', () => {
  const heads = [
    'GET / HTTP/1.1',
    'GET https://example.com/ HTTP/1.1',
    'GET file:///etc/passwd HTTP/1.1',
    'CONNECT example.com HTTP/1.1',
    'CONNECT example.com:99999 HTTP/1.1',
    'CONNECT user@:80 HTTP/1.1',
    'CONNECT example.com:80/path HTTP/1.1',
    'CONNECT example.com:80 HTTP/2',
    'CONNECT example.com:80',
    '',
    '\u0016\u0003\u0001',
  ]
  expect(heads.filter(head => parseProxyRequest(head) !== null)).toEqual([])
})
