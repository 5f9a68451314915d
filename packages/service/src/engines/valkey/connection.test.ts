import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { LarderError } from '../../errors.ts'
import { startStopwatch } from '../../testing/busy-machine.ts'
import { openConnection } from './connection.ts'

/** A server of one's own making, to say what a real engine says only in the wrong moment. Every packet goes to `answer`. */
const serve = async (answer: (text: string, socket: Socket) => void) => {
  const folder = await mkdtemp(join(tmpdir(), 'larder-connection-'))
  const path = join(folder, 'socket')
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('data', (chunk) => answer(chunk.toString(), socket))
    socket.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const secret = 'a very secret password'
const credentials = { user: 'larder', password: secret }
const fails = (code: string) => (error: unknown) =>
  error instanceof LarderError && error.code === code && !error.message.includes(secret)

describe('a connection', () => {
  it('sends the commands of one turn in one packet, and gives each its own answer', async () => {
    const packets: string[] = []
    await using server = await serve((text, socket) => {
      packets.push(text)
      socket.write(text.includes('AUTH') ? '+OK\r\n' : ':1\r\n-ERR two\r\n$5\r\nthree\r\n')
    })
    const connection = await openConnection(server.path, credentials, 1_000)
    const answers = await Promise.allSettled(['ONE', 'TWO', 'THREE'].map((name) => connection.send([name], 1_000)))
    assert.deepEqual(
      answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : answer.reason.message)),
      [1, 'TWO was refused: ERR two', 'three'],
    )
    assert.equal(packets.length, 2)
    connection.close()
  })

  it('drops an answer that comes after the deadline, and stays in step', async () => {
    let socket: Socket | undefined
    await using server = await serve((text, from) => {
      socket = from
      if (text.includes('AUTH')) from.write('+OK\r\n')
    })
    const connection = await openConnection(server.path, credentials, 1_000)
    await assert.rejects(connection.send(['SLOW'], 20), fails('deadline'))
    const next = connection.send(['NEXT'], 1_000)
    socket?.write('+late\r\n+next\r\n')
    assert.equal(await next, 'next')
    connection.close()
  })

  it('ends, and fails what waits, when the other side closes it, or when it is closed here', async () => {
    await using server = await serve((text, socket) => {
      if (text.includes('AUTH')) socket.write('+OK\r\n')
      else if (text.includes('DIE')) socket.destroy()
    })
    const one = await openConnection(server.path, credentials, 1_000)
    await assert.rejects(one.send(['DIE'], 1_000), fails('engine-unreachable'))
    await one.closed
    const two = await openConnection(server.path, credentials, 1_000)
    const waiting = two.send(['WAIT'], 1_000)
    two.close()
    await assert.rejects(waiting, fails('engine-unreachable'))
    await two.closed
    await assert.rejects(two.send(['MORE'], 1_000), fails('engine-unreachable'))
  })

  it('is not made with somebody who does not speak the protocol, says nothing, or refuses', async () => {
    await using stranger = await serve((_text, socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await assert.rejects(openConnection(stranger.path, credentials, 1_000), fails('engine-unreachable'))
    await using mute = await serve(() => undefined)
    await assert.rejects(openConnection(mute.path, credentials, 30), fails('deadline'))
    await using strict = await serve((_text, socket) => socket.write('-WRONGPASS invalid\r\n'))
    await assert.rejects(openConnection(strict.path, credentials, 1_000), fails('engine-command'))
  })

  it('sends what was not answered again with the login, in one packet and at once, where somebody has closed it', async () => {
    const packets: string[] = []
    await using server = await serve((text, socket) => {
      packets.push(text)
      if (packets.length === 1) socket.write('+OK\r\n')
      else if (packets.length < 12) socket.destroy()
      else socket.write('+OK\r\n:1\r\n:2\r\n')
    })
    const connection = await openConnection(server.path, credentials, 1_000)
    let ended = false
    connection.closed.then(
      () => {
        ended = true
      },
      () => undefined,
    )
    const answers = [
      ['ACL', 'DELUSER', 'one'],
      ['CONFIG', 'SET', 'a', 'b'],
    ].map((words) => connection.send(words, 1_000))
    assert.deepEqual(await Promise.all(answers), [1, 2])
    assert.equal(packets.length, 12)
    for (const packet of packets.slice(2)) assert.match(packet, /AUTH[\s\S]*DELUSER[\s\S]*CONFIG/)
    assert.equal(ended, false)
    connection.close()
    await connection.closed
  })

  it('does not end the successor: what would do harm a second time is sent once', async () => {
    const packets: string[] = []
    await using server = await serve((text, socket) => {
      packets.push(text)
      if (text.includes('AUTH')) socket.write('+OK\r\n')
      else socket.destroy()
    })
    const connection = await openConnection(server.path, credentials, 1_000)
    await assert.rejects(connection.send(['SHUTDOWN', 'NOSAVE'], 1_000), fails('engine-unreachable'))
    await connection.closed
    assert.equal(packets.filter((text) => text.includes('SHUTDOWN')).length, 1)
  })

  it('gives up in its time where somebody closes every one', async () => {
    await using server = await serve((text, socket) => {
      if (text.includes('INFO')) socket.destroy()
      else socket.write('+OK\r\n')
    })
    const connection = await openConnection(server.path, credentials, 1_000)
    using since = startStopwatch()
    await assert.rejects(connection.send(['INFO'], 200), LarderError)
    assert.ok(since.ms() < 1_000)
    await connection.closed
  })

  it('says that an attempt may succeed later only where it may', async () => {
    await using server = await serve((text, socket) => {
      if (text.includes('AUTH')) socket.write('+OK\r\n')
      else socket.write('-LOADING soon\r\n-ERR never\r\n')
    })
    const connection = await openConnection(server.path, credentials, 1_000)
    const retry = async (name: string): Promise<boolean | undefined> =>
      connection.send([name], 1_000).then(
        () => undefined,
        (error: LarderError) => error.retry,
      )
    assert.deepEqual(await Promise.all([retry('ONE'), retry('TWO')]), [true, false])
    connection.close()
  })
})
