import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { test } from 'node:test'
import { LarderError } from '../errors.ts'
import type { Action } from './action.ts'
import { mostBodyBytes } from './http/body.ts'
import { createApiServer } from './server.ts'
import { bytesOf, converse, countOf, describeEvents, listening, post, settings } from './testing/serving.ts'
import { formOf, signQuery } from './testing.ts'

test('an action is answered, with the id of the request in header and body', async (context) => {
  const { port } = await listening(context)
  const response = await post(port)
  const body = await response.text()
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/xml')
  const id = response.headers.get('x-amzn-requestid')
  assert.match(id ?? '', /^[0-9a-f-]{36}$/)
  assert.match(
    body,
    new RegExp(
      `^<DescribeEventsResponse xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/">.*<RequestId>${id}</RequestId>`,
    ),
  )
  assert.notEqual((await post(port)).headers.get('x-amzn-requestid'), id)
})

test('a presigned URL is answered, by GET and by POST', async (context) => {
  const { port } = await listening(context)
  for (const method of ['GET', 'POST']) {
    const host = `127.0.0.1:${port}`
    const asked = new Map([
      ['Action', 'DescribeEvents'],
      ['Version', '2015-02-02'],
    ])
    const { query } = signQuery({ method, headers: { host }, query: asked })
    const response = await fetch(`http://${host}/?${formOf(Object.fromEntries(query))}`, { method })
    assert.equal(response.status, 200, await response.text())
  }
})

test('health and metrics need no signature', async (context) => {
  const { port } = await listening(context)
  const at = (path: string, method = 'GET'): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`, { method })
  const health = await at('/health')
  assert.equal(health.status, 200)
  assert.equal(await health.text(), 'ok\n')
  assert.equal((await at('/health?verbose', 'HEAD')).status, 200)
  const metrics = await at('/metrics')
  assert.equal(await metrics.text(), 'larder_up 1\n')
  assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
})

test('a failure of our own is told without its reason, and is in the log with the same id', async (context) => {
  const fail: Action<never, object> = async () => {
    throw new TypeError('a secret thought')
  }
  const metrics = async (): Promise<string> => {
    throw new TypeError('a secret thought')
  }
  const { port, log } = await listening(context, { actions: { DescribeEvents: fail }, metrics })
  for (const ask of [() => post(port), () => fetch(`http://127.0.0.1:${port}/metrics`)]) {
    const response = await ask()
    assert.equal(response.status, 500)
    const body = await response.text()
    assert.match(body, /<Type>Receiver<\/Type><Code>InternalFailure<\/Code>/)
    assert.doesNotMatch(body, /secret|TypeError|\.ts/)
    const [level, message, fields] = log.at(-1) ?? []
    assert.deepEqual([level, message], ['error', 'a request failed'])
    const { requestId, error } = fields as { requestId: string; error: Error }
    assert.equal(requestId, response.headers.get('x-amzn-requestid'))
    assert.equal(error.message, 'a secret thought')
  }
  assert.equal(log.length, 2)
})

test('a store that is busy may be asked again', async (context) => {
  const busy: Action<never, object> = async () => {
    throw new LarderError('store-busy', 'written by somebody else', { retry: true })
  }
  const { port } = await listening(context, { actions: { DescribeEvents: busy } })
  const response = await post(port)
  assert.equal(response.status, 503)
  assert.match(await response.text(), /<Code>ServiceUnavailable<\/Code>/)
})

test('a connection serves many requests, also after a refusal', async (context) => {
  const { port } = await listening(context)
  const { socket, until } = converse(context, port)
  const rounds = [bytesOf(describeEvents), bytesOf('Action=Nothing&Version=2015-02-02'), bytesOf(describeEvents)]
  for (const [index, bytes] of rounds.entries()) {
    socket.write(bytes)
    await until((said) => countOf(said, '</ResponseMetadata>') + countOf(said, '</ErrorResponse>') === index + 1)
  }
})

test('requests sent together are answered in their order', async (context) => {
  const { port } = await listening(context)
  const { socket, until } = converse(context, port)
  const unknown = ['A', 'B', 'C'].map((name) => bytesOf(`Action=${name}&Version=2015-02-02`))
  socket.write(unknown.join(''))
  const said = await until((text) => countOf(text, '</ErrorResponse>') === 3)
  assert.deepEqual(
    [...said.matchAll(/operation (\w) for/g)].map((match) => match[1]),
    ['A', 'B', 'C'],
  )
})

test('rubbish behind a request ends the connection, after the answer', async (context) => {
  const gate = Promise.withResolvers<void>()
  const slow: Action<never, object> = async () => {
    await gate.promise
    return { Events: [] }
  }
  const { port } = await listening(context, { actions: { DescribeEvents: slow } })
  const { socket, ended } = converse(context, port)
  socket.write(`${bytesOf(describeEvents)}rubbish\r\n\r\n`)
  setImmediate(gate.resolve)
  const said = await ended
  assert.match(said, /^HTTP\/1\.1 200 /)
  assert.equal(countOf(said, 'HTTP/1.1 '), 1)
})

test('a body that is too large is refused before it has come, and can come', async (context) => {
  const { port } = await listening(context)
  const { socket, until, ended } = converse(context, port)
  socket.write(bytesOf(describeEvents, { 'content-length': String(mostBodyBytes + 1) }))
  const said = await until((text) => text.includes('</ErrorResponse>'))
  assert.match(said, /^HTTP\/1\.1 413 .*connection: close.*<Code>RequestEntityTooLarge<\/Code>/is)
  socket.write('x'.repeat(mostBodyBytes + 1 - describeEvents.length))
  assert.equal(await ended, said)
})

test('a body in chunks is refused as soon as it is too large', async (context) => {
  const { port } = await listening(context)
  const response = await new Promise<{ status: number | undefined; sent: number }>((resolve, reject) => {
    let sent = 0
    const sending = httpRequest({ port, host: '127.0.0.1', method: 'POST' }, (answer) => {
      answer.resume()
      sending.destroy()
      resolve({ status: answer.statusCode, sent })
    })
    sending.on('error', reject)
    const chunk = Buffer.alloc(64 * 1024, 'a')
    const more = (): void => {
      if (sending.destroyed) return
      sent += chunk.length
      sending.write(chunk, more) // without end
    }
    more()
  })
  assert.equal(response.status, 413)
  assert.ok(response.sent < 64 * 1024 ** 2, `${response.sent} bytes were sent before the refusal`)
})

test('the largest body that is taken is taken', async (context) => {
  const { port } = await listening(context)
  const body = describeEvents.padEnd(mostBodyBytes, '&')
  const { socket, until } = converse(context, port)
  socket.write(bytesOf(body))
  assert.match(await until((text) => text.includes('</DescribeEventsResponse>')), /^HTTP\/1\.1 200 /)
})

test('a request that does not come in time is told so, and ended', async (context) => {
  const { port } = await listening(context, { timeouts: { headers: 50, request: 100, checked: 10 } })
  for (const part of ['POST / HTTP/1.1\r\nHost: x\r\n', bytesOf(describeEvents).slice(0, -5)]) {
    const { socket, ended } = converse(context, port)
    socket.write(part)
    assert.match(await ended, /^HTTP\/1\.1 408 .*x-amzn-requestid: .*<Code>RequestTimeout<\/Code>/is)
  }
})

test('a client that goes away in the middle is no failure', async (context) => {
  const { port, log } = await listening(context)
  const { socket } = converse(context, port)
  socket.write(bytesOf(describeEvents).slice(0, -5), () => socket.destroy())
  await new Promise((resolve) => socket.on('close', resolve))
  assert.equal((await post(port)).status, 200)
  assert.deepEqual(log, [])
})

test('closing waits for the requests under way, and takes no new ones', async (context) => {
  const gate = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const slow: Action<never, object> = async () => {
    begun.resolve()
    await gate.promise
    return { Events: [] }
  }
  const { server, port } = await listening(context, { actions: { DescribeEvents: slow } })
  const { socket, ended } = converse(context, port)
  const idle = converse(context, port)
  idle.socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await idle.until((said) => said.endsWith('ok\n'))
  socket.write(bytesOf(describeEvents))
  await begun.promise
  const closed = server.close()
  await idle.ended
  await assert.rejects(fetch(`http://127.0.0.1:${port}/health`))
  gate.resolve()
  assert.match(await ended, /^HTTP\/1\.1 200 .*connection: close/is)
  await closed
})

test('closing does not wait for ever', async (context) => {
  const { server, port } = await listening(context, { actions: { DescribeEvents: () => new Promise<never>(() => undefined) } })
  const { socket, ended } = converse(context, port)
  await new Promise<void>((resolve) => socket.write(bytesOf(describeEvents), () => resolve()))
  await server.close()
  assert.equal(await ended, '')
})

test('a port that is taken is said to be', async (context) => {
  const { port } = await listening(context)
  const second = createApiServer(settings())
  await assert.rejects(second.listen('127.0.0.1', port), (error: unknown) => {
    assert.ok(error instanceof LarderError)
    assert.equal(error.code, 'address-taken')
    assert.match(error.message, new RegExp(`port ${port} of 127\\.0\\.0\\.1 to be free, found it taken`))
    return true
  })
  await assert.rejects(second.listen('192.0.2.1', 0), { code: 'machine' })
})

test('a client that asks before it sends is told to go on, or that its body is too large', async (context) => {
  const { port } = await listening(context)
  const small = converse(context, port)
  const [head = '', body = ''] = bytesOf(describeEvents, { expect: '100-continue' }).split('\r\n\r\n')
  small.socket.write(`${head}\r\n\r\n`)
  await small.until((text) => text === 'HTTP/1.1 100 Continue\r\n\r\n')
  small.socket.write(body)
  await small.until((text) => text.includes('HTTP/1.1 200 ') && text.includes('</DescribeEventsResponse>'))

  const large = converse(context, port)
  large.socket.write(`POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: ${10 * mostBodyBytes}\r\n\r\n`)
  const said = await large.until((text) => text.includes('</ErrorResponse>'))
  assert.match(said, /^HTTP\/1\.1 413 .*connection: close.*<Code>RequestEntityTooLarge<\/Code>/is)
})
