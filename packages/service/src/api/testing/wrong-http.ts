/** Methods, paths, types and bodies that the API does not take, and what is not HTTP at all. */
import { signHeader } from '../testing.ts'
import { http } from './exchange.ts'
import { formType, signedBody, version, type Wrong } from './wrong-request.ts'

const ask = `Action=DescribeEvents&Version=${version}`

export const wrongHttp = (): readonly Wrong[] => {
  const good = signHeader({ body: ask, headers: { 'content-type': formType } })
  const raw = (name: string, text: string): Wrong => ({ name: `HTTP: ${name}`, bytes: Buffer.from(text, 'latin1') })
  return [
    ...[
      'text/plain',
      'application/json',
      'application/x-amz-json-1.1',
      'multipart/form-data; boundary=x',
      'text/xml',
      'x',
      'application/x-www-form-urlencodedx',
    ].map((type) => ({
      name: `content type ${type}`,
      bytes: signedBody(ask, {}, { 'content-type': type }),
    })),
    ...['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'M-SEARCH', 'CONNECT'].map((method) => ({
      name: `method ${method}`,
      bytes: http(method, method === 'CONNECT' ? 'localhost:80' : '/', good.headers, method === 'CONNECT' ? '' : ask),
    })),
    { name: 'method HEAD', bytes: http('HEAD', '/', { host: 'localhost' }, ''), bodiless: true },
    ...[
      '/x',
      '//',
      '//x/',
      '/../etc/passwd',
      '/%00',
      '/%',
      '/é',
      '/health/x',
      '/metrics',
      '/health',
      '/index.html',
      '*',
      `/${'x'.repeat(5_000)}`,
      '/;x',
      '/2015-02-02/',
    ].map((target) => ({ name: `path ${target.slice(0, 30)}`, bytes: http('POST', target, good.headers, ask) })),
    ...['/?Action=1&Action=2', '/?%ff', '/?%', '/?a=%00', '/?__proto__=1', `/?${'a&'.repeat(2_000)}`].map((target) => ({
      name: `query ${target.slice(0, 30)}`,
      bytes: http('GET', target, { host: 'localhost' }, ''),
    })),
    raw('garbage', 'garbage\r\n\r\n'),
    raw('bytes', '\x00\x01\x02\x03\xff\xfe\r\n\r\n'),
    raw('TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
    raw('RESP', '*1\r\n$4\r\nPING\r\n'),
    raw('HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    raw('HTTP/9.9', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n'),
    raw('unknown method', 'BREW / HTTP/1.1\r\nHost: x\r\n\r\n'),
    raw('no host', 'GET / HTTP/1.1\r\n\r\n'),
    raw('HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n'),
    raw('two hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'),
    raw('space in header name', 'GET / HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n'),
    raw('no colon', 'GET / HTTP/1.1\r\nHost: x\r\nnothing\r\n\r\n'),
    raw('NUL in header', 'GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n'),
    raw('names of objects', 'GET / HTTP/1.1\r\nHost: x\r\n__proto__: 1\r\nconstructor: 2\r\n\r\n'),
    raw('headers of 40 KB', `GET / HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(40_000)}\r\n\r\n`),
    raw('path of 40 KB', `GET /?${'x'.repeat(40_000)} HTTP/1.1\r\nHost: x\r\n\r\n`),
    raw('negative length', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'),
    raw('length that is none', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n'),
    raw('two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
    raw('length and chunks', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
    raw('unknown transfer encoding', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n'),
    raw('chunk that is none', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n'),
    raw('chunk too large', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n'),
    raw('unknown expectation', 'POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 0\r\n\r\n'),
    raw('upgrade', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
    raw(
      'upgrade to HTTP/2',
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
    ),
    raw('gzip', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc'),
  ]
}

export const tenMegabytes = (): readonly Wrong[] => {
  const body = Buffer.alloc(10 * 1024 ** 2, 'a')
  const chunk = body.subarray(0, 64 * 1024)
  const chunks = Array.from({ length: 160 }, () => [Buffer.from('10000\r\n'), chunk, Buffer.from('\r\n')]).flat()
  const chunked = { host: 'localhost', 'content-type': formType, 'transfer-encoding': 'chunked' }
  const head = Object.entries(chunked).map(([name, value]) => `${name}: ${value}\r\n`)
  return [
    { name: '10 MB', bytes: http('POST', '/', { host: 'localhost', 'content-type': formType }, body) },
    { name: '10 MB, signed', bytes: signedBody(body) },
    { name: '10 MB on a wrong path', bytes: http('POST', '/x', { host: 'localhost' }, body) },
    { name: '10 MB of a wrong method', bytes: http('PUT', '/', { host: 'localhost' }, body) },
    {
      name: '10 MB in chunks',
      bytes: Buffer.concat([Buffer.from(`POST / HTTP/1.1\r\n${head.join('')}\r\n`), ...chunks, Buffer.from('0\r\n\r\n')]),
    },
  ]
}
