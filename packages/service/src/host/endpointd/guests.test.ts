import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from '../../testing/busy-machine.ts'
import { exchange, randomLoopbackPrefix } from '../testing.ts'
import { createGuests, openFilesOf, placesFor } from './guests.ts'
import { emptyPlan } from './plan.ts'

const log = (): void => undefined

test('places follow from the limit of open files, and leave some', () => {
  assert.deepEqual([64, 256, 1_024, 20_000, Number.MAX_SAFE_INTEGER].map(placesFor), [24, 96, 384, 4_000, 4_000])
  assert.equal(openFilesOf('Max open files            1024                 524288               files'), 1_024)
  assert.equal(openFilesOf('Max open files            unlimited            unlimited            files'), Number.MAX_SAFE_INTEGER)
})

test('when all places are taken the one that has been silent longest gives way, and nobody who has just spoken', async () => {
  let now = 0
  const guests = createGuests({ log, places: 3, now: () => now })
  const [address, port] = [`${randomLoopbackPrefix()}.1`, 11_211]
  const server = createServer((socket) => {
    if (guests.admit(socket))
      socket.on('data', (chunk: Buffer) => {
        heard += chunk.length
      })
  })
  server.listen(port, address)
  await once(server, 'listening')
  let heard = 0
  const clients: Socket[] = []
  const ended = new Set<number>()
  const come = async (): Promise<number> => {
    const index = clients.length
    const client = connect({ host: address, port })
    client.on('error', () => client.destroy())
    client.once('close', () => ended.add(index))
    clients.push(client)
    client.write('hello')
    await new Promise((resolve) => client.once('connect', resolve).once('close', resolve))
    return index
  }
  try {
    for (const expected of [1, 2, 3]) {
      await come()
      await until('a place is taken', () => guests.size === expected)
    }
    await come()
    await until('the fourth is refused', () => ended.has(3))
    assert.deepEqual([...ended], [3])

    await until('all three have been heard', () => heard === 3 * 'hello'.length)
    guests.look()
    now += 20_000
    clients[0]?.write('again')
    await until('the first has been heard again', () => heard === 4 * 'hello'.length)
    await come()
    await until('one of the silent gave way', () => ended.size === 2)
    assert.ok(!ended.has(0) && !ended.has(4))
    assert.equal(guests.size, 3)
  } finally {
    for (const client of clients) client.destroy()
    server.close()
  }
})

test('whoever connects and never says a word is not kept for ever', async () => {
  let now = 0
  const guests = createGuests({ log, places: 3, now: () => now })
  const [address, port] = [`${randomLoopbackPrefix()}.1`, 11_211]
  const server = createServer((socket) => guests.admit(socket))
  server.listen(port, address)
  await once(server, 'listening')
  const client = connect({ host: address, port })
  try {
    await until('it is here', () => guests.size === 1)
    now += 59_000
    guests.look()
    assert.equal(guests.size, 1)
    now += 2_000
    guests.look()
    await until('it is gone', () => guests.size === 0)
  } finally {
    client.destroy()
    server.close()
  }
})

test('a flood of connections beyond the descriptors ends nothing: the process serves as soon as there is a place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  const [planFile, reportFile] = [join(folder, 'plan.json'), join(folder, 'report.json')]
  const [address, port] = [`${randomLoopbackPrefix()}.1`, 11_211]
  const discoveries = [{ endpoint: { address, port }, version: 1, nodes: [] }]
  writeFileSync(planFile, JSON.stringify({ ...emptyPlan, revision: 1, discoveries }))
  const program = fileURLToPath(new URL('./main.ts', import.meta.url))
  const child = spawn('sh', ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, program, planFile, reportFile], {
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  const flood: Socket[] = []
  const ask = (): Promise<string> => exchange(address, port, 'config get cluster\r\n')
  try {
    await until('it serves', async () => (await ask()).startsWith('CONFIG '))
    for (let index = 0; index < 300; index += 1) {
      const socket = connect({ host: address, port })
      socket.on('error', () => socket.destroy())
      socket.write('get a')
      flood.push(socket)
    }
    await until('most were turned away', () => flood.filter((socket) => socket.destroyed).length > 200)
    assert.equal(child.exitCode, null)
    const staying = flood.find((socket) => !socket.destroyed && !socket.connecting)
    staying?.destroy()
    await until('it serves again', async () => (await ask()).startsWith('CONFIG '))
  } finally {
    for (const socket of flood) socket.destroy()
    child.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true })
  }
})
