import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { LoginQuestion } from '../ports/logins.ts'
import { type LoginSocket, openLoginSocket } from './login-socket.ts'

let folder = ''
let path = ''
let open: LoginSocket | null = null
const sockets: Socket[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  path = join(folder, 'iam.sock')
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await open?.close()
  rmSync(folder, { recursive: true, force: true })
})

const start = async (isRight: (question: LoginQuestion) => Promise<boolean>): Promise<void> => {
  open = await openLoginSocket(path, isRight, () => undefined)
}

const text = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}

const frame = (body: Buffer): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}

const question = (number: number, ...texts: readonly string[]): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(number))
  return frame(Buffer.concat([bytes, ...texts.map(text)]))
}

interface Asking {
  readonly socket: Socket
  /** So many answers, as `number verdict`. */
  answers(count: number): Promise<readonly string[]>
  readonly closed: Promise<void>
}

const ask = (): Asking => {
  const socket = connect(path)
  sockets.push(socket)
  let bytes = Buffer.alloc(0)
  let wake = (): void => undefined
  socket.on('data', (more: Buffer) => {
    bytes = Buffer.concat([bytes, more])
    wake()
  })
  socket.on('error', () => undefined) // told by close
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return {
    socket,
    closed,
    answers: async (count) => {
      while (bytes.length < count * 16) await new Promise<void>((resolve) => (wake = resolve))
      return Array.from({ length: count }, (_, index) => {
        const answer = bytes.subarray(index * 16, index * 16 + 16)
        assert.equal(answer.toString('latin1', 0, 4), 'LRDA')
        return `${answer.readBigUInt64BE(8)} ${answer.readUInt32BE(4)}`
      })
    },
  }
}

test('each question gets its own answer, however it arrives and however long it takes', async () => {
  const seen: LoginQuestion[] = []
  await start(async (asked) => {
    seen.push({ ...asked })
    if (asked.user === 'slow') await new Promise((resolve) => setTimeout(resolve, 30))
    return asked.token === 'right'
  })
  assert.equal(statSync(path).isSocket(), true)
  const { socket, answers } = ask()
  const all = Buffer.concat([
    question(1, 'us-east-1/n', 'slow', 'right', '127.0.0.1'),
    question(2, 'us-east-1/n', 'quick', 'wrong', ''),
    question(3, 'us-east-1/n', 'quick', 'right', ''),
  ])
  for (const byte of all) socket.write(Buffer.from([byte]))
  assert.deepEqual((await answers(3)).toSorted(), ['1 1', '2 0', '3 1'])
  assert.equal(seen[0]?.sourceAddress, '127.0.0.1')
  assert.equal(seen[0]?.scope, 'us-east-1/n')
})

test('of many questions at once only some are under way, and all are answered', async () => {
  let underWay = 0
  let most = 0
  await start(async () => {
    underWay += 1
    most = Math.max(most, underWay)
    await new Promise((resolve) => setImmediate(resolve))
    underWay -= 1
    return true
  })
  const { socket, answers } = ask()
  socket.write(Buffer.concat(Array.from({ length: 1_000 }, (_, index) => question(index, 's', 'u', 't'.repeat(2_000), ''))))
  assert.equal((await answers(1_000)).length, 1_000)
  assert.ok(most <= 64, `${most} at once`)
})

test('a question that cannot be decided gets no answer, and the others do', async () => {
  await start(async ({ user }) => {
    if (user === 'broken') throw new Error('the disk is full')
    return true
  })
  const { socket, answers } = ask()
  socket.write(Buffer.concat([question(1, 's', 'broken', 't', ''), question(2, 's', 'u', 't', '')]))
  assert.deepEqual(await answers(1), ['2 1'])
})

test('whoever does not speak as an engine does is cut off, and nobody else', async () => {
  await start(async () => true)
  const other = ask()
  const rubbish: readonly Buffer[] = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from([0, 0, 0, 1, 0]),
    Buffer.from([255, 255, 255, 255]),
    question(1),
    question(1, 'a', 'b', 'c'),
    question(1, 'a', 'b', 'c', 'd', 'e'),
    frame(Buffer.concat([Buffer.alloc(8), Buffer.from([0, 200]), Buffer.from('short, but it is long enough')])),
    frame(Buffer.concat([Buffer.alloc(8), text('a'), text('b'), text('c'), text('d'), Buffer.from([1])])),
  ]
  for (const bytes of rubbish) {
    const { socket, closed } = ask()
    socket.write(bytes)
    await closed
  }
  other.socket.write(question(7, 's', 'u', 't', ''))
  assert.deepEqual(await other.answers(1), ['7 1'])
})

test('the socket takes over from one that was left behind, and is gone when it is closed', async () => {
  await start(async () => true)
  const first = open
  await start(async () => false)
  const { socket, answers, closed } = ask()
  socket.write(question(1, 's', 'u', 't', ''))
  assert.deepEqual(await answers(1), ['1 0'])
  await open?.close()
  await closed
  await first?.close()
})
