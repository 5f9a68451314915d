/** One command over a connection of its own, as the first thing that a client would do. */
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { createReplyReader, encodeCommand, type Reply, ReplyError } from '../../packages/service/src/engines/valkey/resp.ts'

export interface Place {
  readonly address: string
  readonly port: number
}

const answerDeadlineMs = 2_000

/** Sends and collects until `read` says what it got. Rejects when the connection ends or nothing comes. */
const exchange = <T>({ address, port }: Place, text: string, read: (chunk: Buffer) => T | undefined): Promise<T> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true })
    const finish = (settle: () => void): void => {
      socket.destroy()
      settle()
    }
    socket.setTimeout(answerDeadlineMs, () => finish(() => reject(new Error(`no answer from ${address}:${port}`))))
    socket.once('error', (error) => finish(() => reject(error)))
    socket.once('close', () => reject(new Error(`${address}:${port} ended the connection`)))
    socket.on('data', (chunk: Buffer) => {
      const found = read(chunk)
      if (found !== undefined) finish(() => resolve(found))
    })
    socket.write(text)
  })

/** A command of Valkey or Redis OSS. An error of the engine is a value. */
export const command = (place: Place, ...args: readonly string[]): Promise<Reply> => {
  const reader = createReplyReader()
  return exchange<Reply>(place, encodeCommand(args), (chunk) => {
    reader.push(chunk)
    return reader.next(null)
  })
}

/** The first line that a Memcached node answers. */
export const line = (place: Place, text: string): Promise<string> => {
  let said = ''
  return exchange(place, text, (chunk) => {
    said += chunk.toString()
    return said.includes('\r\n') ? said.slice(0, said.indexOf('\r\n')) : undefined
  })
}

/** Tries every 2 ms, as fast as a client reasonably would. */
export const untilDone = async (what: string, work: () => Promise<boolean>, deadlineMs = 30_000): Promise<void> => {
  const deadline = performance.now() + deadlineMs
  let last: unknown
  for (;;) {
    try {
      if (await work()) return
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause: last })
    await delay(2)
  }
}

/** A value written and read back. */
export const writeAndRead = async (place: Place): Promise<boolean> =>
  (await command(place, 'SET', 'first', 'value')) === 'OK' && (await command(place, 'GET', 'first')) === 'value'

/** Writes keys, following `MOVED` as cluster clients do, until this many nodes have taken one. */
export const writeToShards = async (place: Place, shards: number): Promise<boolean> => {
  const written = new Set<string>()
  for (let index = 0; index < 200 && written.size < shards; index += 1) {
    const key = `key-${index}`
    let answer = await command(place, 'SET', key, 'value')
    let where = `${place.address}:${place.port}`
    if (answer instanceof ReplyError && answer.code === 'MOVED') {
      where = answer.message.split(' ')[2] ?? ''
      const [address = '', port = ''] = where.split(':')
      answer = await command({ address, port: Number(port) }, 'SET', key, 'value')
    } else if (answer === 'OK') where = 'asked'
    if (answer !== 'OK') return false
    written.add(where)
  }
  return written.size >= shards
}
