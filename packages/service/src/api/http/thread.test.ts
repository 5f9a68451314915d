import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { LarderError } from '../../errors.ts'
import { patience, until } from '../../testing/busy-machine.ts'
import { createApiServer } from '../server.ts'
import { bytesOf, converse, countOf, describeEvents, formType, listening, post, settings } from '../testing/serving.ts'
import { signHeader } from '../testing.ts'

test('health and metrics are not told to a page whose name was let to resolve to this machine', async (context) => {
  const { port } = await listening(context, { allowedHosts: 'cache.example.org' })
  const ask = async (text: string): Promise<string> => {
    const { socket, until } = converse(context, port)
    socket.write(text)
    return (await until((said) => said.includes('\r\n\r\n'))).slice(9, 12)
  }
  for (const path of ['/health', '/metrics']) {
    const get = (headers: string): string => `GET ${path} HTTP/1.1\r\n${headers}\r\n`
    assert.equal(await ask(get(`Host: localhost:${port}\r\n`)), '200')
    assert.equal(await ask(get('Host: cache.example.org\r\n')), '200')
    assert.equal(await ask(get('Host: rebound.example.org\r\n')), '403')
    assert.equal(await ask(get('Host: localhost\r\nOrigin: https://example.org\r\n')), '403')
    assert.equal(await ask(get('Host: localhost\r\nSec-Fetch-Site: cross-site\r\n')), '403')
    assert.equal(await ask(`GET http://rebound.example.org${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`), '403')
    assert.equal(await ask(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example.org\r\n\r\n`), '400')
    assert.equal(await ask(`GET ${path} HTTP/1.0\r\n\r\n`), '200')
  }
})

test('a signed request is answered under any name, which its signature covers', async (context) => {
  const { port } = await listening(context)
  const { socket, until } = converse(context, port)
  const body = describeEvents
  const headers = { ...signHeader({ body, headers: { host: 'cache.example.org', 'content-type': formType } }).headers }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`POST / HTTP/1.1\r\n${lines.join('')}content-length: ${body.length}\r\n\r\n${body}`)
  assert.match(await until((said) => said.includes('</DescribeEventsResponse>')), /^HTTP\/1\.1 200 /)
})

test('a header that HTTP has once is refused twice, whichever of the two is right', async (context) => {
  const { port } = await listening(context)
  for (const [name, value] of [
    ['host', 'localhost'],
    ['authorization', 'AWS4-HMAC-SHA256 x'],
    ['content-type', formType],
    ['x-amz-date', '20261123T053600Z'],
    ['user-agent', 'other'],
  ]) {
    const { socket, until } = converse(context, port)
    const [line = '', ...rest] = bytesOf(describeEvents, { 'user-agent': 'one' }).split('\r\n')
    socket.write([line, `${name}: ${value}`, ...rest].join('\r\n'))
    const said = await until((text) => text.includes('</ErrorResponse>'))
    assert.match(said, /^HTTP\/1\.1 400 .*<Code>MalformedInput<\/Code>/s, name)
  }
})

test('many who say nothing make room for one who signs, and who signs is not closed for them', async (context) => {
  const limits = { signed: 8, unsigned: 8 }
  const { port, log } = await listening(context, { limits })
  const signed = converse(context, port)
  signed.socket.write(bytesOf(describeEvents))
  await signed.until((said) => said.includes('</DescribeEventsResponse>'))
  const silent = Array.from({ length: 40 }, () => converse(context, port))
  await Promise.all(silent.slice(0, 32).map(({ ended }) => ended))
  assert.equal((await post(port)).status, 200)
  signed.socket.write(bytesOf(describeEvents))
  await signed.until((said) => countOf(said, '</DescribeEventsResponse>') === 2)
  const told = log.filter(([, message]) => String(message).includes('more connections than it takes'))
  assert.equal(told.length, 1)
})

test('who has not signed is closed when it is idle, who has is not', async (context) => {
  const { port } = await listening(context, { timeouts: { unsigned: 100 } })
  const silent = converse(context, port)
  const refused = converse(context, port)
  refused.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
  const signed = converse(context, port)
  signed.socket.write(bytesOf(describeEvents))
  await signed.until((said) => said.includes('</DescribeEventsResponse>'))
  assert.equal(await silent.ended, '')
  assert.match(await refused.ended, /MissingAuthenticationToken/)
  signed.socket.write(bytesOf(describeEvents))
  await signed.until((said) => countOf(said, '</DescribeEventsResponse>') === 2)
})

test('bodies that come in the smallest pieces do not exhaust the thread', async (context) => {
  // Two million pieces take their time on a busy machine: what is looked at is that the thread lives and answers.
  const { port, log } = await listening(context, { timeouts: { request: 30_000 * patience } })
  const pieces = '1\r\nx\r\n'.repeat(100_000)
  const senders = Array.from({ length: 2 }, () => converse(context, port))
  for (const { socket } of senders) {
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
    for (let count = 0; count < 10; count += 1) socket.write(pieces)
    socket.write('0\r\n\r\n')
  }
  for (const sender of senders)
    assert.match(await sender.until((said) => said.includes('</ErrorResponse>')), /MissingAuthenticationToken/)
  assert.deepEqual(log, [])
})

test('whoever begins requests and does not end them keeps nobody out', async (context) => {
  const { port } = await listening(context, { limits: { signed: 8, unsigned: 8 } })
  const halves = Array.from({ length: 8 }, () => converse(context, port))
  for (const { socket } of halves)
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n')
  for (const half of halves) await half.until((said) => said.includes(' 100 '))
  for (let turn = 0; turn < 4; turn += 1) assert.equal((await post(port)).status, 200)
})

test('a report is made once for all who ask for the metrics at that time', async (context) => {
  let made = 0
  const count = async (): Promise<string> => {
    made += 1
    return `made ${made}\n`
  }
  const { port } = await listening(context, { metrics: count })
  const texts = await Promise.all(
    Array.from({ length: 20 }, async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()),
  )
  assert.ok(made <= 3, `${made} reports for ${texts.length} requests`)
})

test('the thread that serves HTTP is started again on the same port when it ends', async (context) => {
  const threads: Worker[] = []
  const { port, log } = await listening(context, { onThread: (thread) => threads.push(thread) })
  assert.equal((await post(port)).status, 200)
  await threads[0]?.terminate()
  await until('it answers again', async () => {
    try {
      return (await post(port)).status === 200
    } catch {
      return false // nobody listens yet
    }
  })
  assert.match(JSON.stringify(log), /the thread of the API has ended, and is started again/)
  await threads[1]?.terminate()
})

test('a setting of hosts that are none is refused at the start', () => {
  for (const allowedHosts of ['http://a', 'a b', 'a:80', '*'])
    assert.throws(
      () => createApiServer({ ...settings(), allowedHosts }),
      (error: unknown) => error instanceof LarderError && error.code === 'usage' && error.message.includes(allowedHosts),
    )
})
