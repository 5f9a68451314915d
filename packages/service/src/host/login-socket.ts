/**
 * The unix socket on which the module of the engines (`native/larder-auth.c`, which says what a question and an answer look like) asks about
 * tokens of IAM. Its folder is this user's alone.
 */
import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import type { Log } from '../ports/log.ts'
import type { LoginQuestion } from '../ports/logins.ts'

/** More than the longest that the module sends. */
const longestQuestion = 8_192
const shortestQuestion = 8 + 4 * 2
/** Every node has one connection. */
const mostConnections = 1_000
/** Of one connection at a time: what is beyond waits in the engine. */
const mostUnderWay = 64

export interface LoginSocket {
  close(): Promise<void>
}

interface Asked extends LoginQuestion {
  readonly number: bigint
}

/** Null: that is no question. */
const readQuestion = (frame: Buffer): Asked | null => {
  const texts: string[] = []
  let at = 8
  while (at < frame.length) {
    const end = at + 2 + (at + 2 <= frame.length ? frame.readUInt16BE(at) : longestQuestion)
    if (end > frame.length) return null
    texts.push(frame.toString('utf8', at + 2, end))
    at = end
  }
  const [scope, user, token, sourceAddress, ...more] = texts
  if (scope === undefined || user === undefined || token === undefined || sourceAddress === undefined || more.length > 0)
    return null
  return { number: frame.readBigUInt64BE(0), scope, user, token, sourceAddress }
}

const answerTo = ({ number }: Asked, isLetIn: boolean): Buffer => {
  const answer = Buffer.alloc(16)
  answer.write('LRDA', 'latin1')
  answer.writeUInt32BE(isLetIn ? 1 : 0, 4)
  answer.writeBigUInt64BE(number, 8)
  return answer
}

/** `isRight` may reject: then there is no answer, and the engine refuses the login in its time. */
const serve = (socket: Socket, isRight: (question: LoginQuestion) => Promise<boolean>, log: Log): void => {
  let bytes: Buffer = Buffer.alloc(0)
  let underWay = 0

  const answer = async (asked: Asked): Promise<void> => {
    try {
      const isLetIn = await isRight(asked)
      if (!socket.destroyed) socket.write(answerTo(asked, isLetIn))
    } catch (error) {
      log('warn', 'a login by IAM could not be decided', { error, scope: asked.scope, user: asked.user.slice(0, 60) })
    }
    underWay -= 1
    takeQuestions()
  }

  const takeQuestions = (): void => {
    while (underWay < mostUnderWay && bytes.length >= 4 && !socket.destroyed) {
      const length = bytes.readUInt32BE(0)
      if (length < shortestQuestion || length > longestQuestion) {
        log('warn', 'a connection for logins was closed: expected a question', { length })
        socket.destroy()
        return
      }
      if (bytes.length < 4 + length) break
      const asked = readQuestion(bytes.subarray(4, 4 + length))
      bytes = bytes.subarray(4 + length)
      if (asked === null) {
        log('warn', 'a connection for logins was closed: expected a question of four texts')
        socket.destroy()
        return
      }
      underWay += 1
      void answer(asked)
    }
    if (underWay >= mostUnderWay) socket.pause()
    else if (socket.isPaused()) socket.resume()
  }

  socket.on('data', (more: Buffer) => {
    bytes = bytes.length === 0 ? more : Buffer.concat([bytes, more])
    takeQuestions()
  })
  // It is closed by itself after an error, and the module connects again.
  socket.on('error', (error) => log('info', 'a connection for logins has ended', { error }))
}

/** The path is this process's alone: whoever was there before it has gone. */
export const openLoginSocket = async (
  path: string,
  isRight: (question: LoginQuestion) => Promise<boolean>,
  log: Log,
): Promise<LoginSocket> => {
  const connections = new Set<Socket>()
  const server = createServer((socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
    serve(socket, isRight, log)
  })
  server.maxConnections = mostConnections
  rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  server.on('error', (error) => log('error', 'the socket for logins fails', { error }))
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of connections) socket.destroy()
      }),
  }
}
