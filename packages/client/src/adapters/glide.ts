/**
 * By `@valkey/valkey-glide` 2, which the application brings. It does not tell of changed keys, so there is no near cache with it.
 *
 * GLIDE connects anew by itself and says nothing of it, but what a server has may be older then. So each connection is given a name (by HELLO: the name that
 * CLIENT SETNAME gives GLIDE brings back), and whatever is sent ends with the question whether it has that name still, and its number. Where it has not, none of the answers is believed.
 */
import { Batch, ClosingError, Decoder, GlideClient, ProtocolVersion, RequestError } from '@valkey/valkey-glide'
import type { Argument } from '../connection/connection.ts'
import { CacheError } from '../errors.ts'
import { newId } from '../ids.ts'
import { createConnect } from './connect.ts'
import { targetOf } from './url.ts'
import type { Wire, WireFactory, WireOptions } from './wire.ts'

/** The server's own words: GLIDE has taken its code away. */
class ErrorAnswer extends Error {
  override readonly name = 'ErrorAnswer'
}

const codes: Readonly<Record<string, string>> = {
  ResponseError: 'ERR',
  NoScriptError: 'NOSCRIPT',
  Moved: 'MOVED',
  Ask: 'ASK',
  TryAgain: 'TRYAGAIN',
  ReadOnly: 'READONLY',
  BusyLoadingError: 'LOADING',
  MasterDown: 'MASTERDOWN',
  ClusterDown: 'CLUSTERDOWN',
  CrossSlot: 'CROSSSLOT',
  PermissionDenied: 'NOPERM',
  ExecAbortError: 'EXECABORT',
}
const introduction = 'An error was signalled by the server: - '

const answerOf = (error: RequestError): ErrorAnswer => {
  const text = error.message.startsWith(introduction) ? error.message.slice(introduction.length) : error.message
  const [, kind = '', rest = ''] = /^(\w+): (.*)$/s.exec(text) ?? []
  return new ErrorAnswer(kind === '' ? text : `${codes[kind] ?? kind} ${rest}`, { cause: error })
}
/** What a server says that does not let in stands somewhere in a longer text. */
const refusalIn = (error: unknown): ErrorAnswer | null => {
  const found = error instanceof ClosingError ? /(WRONGPASS|NOAUTH|NOPERM|PermissionDenied)\b:? *(.*)/.exec(error.message) : null
  return found === null ? null : new ErrorAnswer(`${codes[found[1] ?? ''] ?? found[1]} ${found[2]}`, { cause: error })
}

interface Waiting {
  readonly args: readonly Argument[]
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** Milliseconds, or twice as long as anybody waits: time is limited by who asks. */
const leastRequestTimeout = 5_000
const [firstPause, longestPause] = [10, 1_000]
/** Which connection it is. */
const identity: readonly (readonly string[])[] = [
  ['CLIENT', 'GETNAME'],
  ['CLIENT', 'ID'],
]

const exchange = async (
  client: GlideClient,
  packet: readonly (readonly Argument[])[],
  timeout: number,
): Promise<readonly unknown[]> => {
  const batch = new Batch(false)
  for (const args of packet) batch.customCommand([...args])
  const answers = await client.exec(batch, false, { timeout })
  return answers ?? []
}

/** A client that is closed while it is connecting anew leaves its pipe open, which keeps the process from ending (seen in 2.5). */
const end = (client: GlideClient): void => {
  client.close()
  const { socket } = client as unknown as { readonly socket?: { destroy?(): void } }
  socket?.destroy?.()
}

const requestTimeoutFor = ({ commandTimeout }: WireOptions): number => Math.max(leastRequestTimeout, 2 * commandTimeout)

const connectOnce = async (options: WireOptions): Promise<GlideClient> => {
  const { url, tls, credentials, connectTimeout, isReplica } = options
  const { host, port, database, isSecure, credentials: named } = targetOf(url)
  const { username = 'default', password } = credentials === undefined ? named : await credentials()
  return GlideClient.createClient({
    addresses: [{ host, port }],
    databaseId: database,
    protocol: ProtocolVersion.RESP3,
    defaultDecoder: Decoder.Bytes,
    requestTimeout: requestTimeoutFor(options),
    readOnly: isReplica,
    useTLS: isSecure,
    ...(password === undefined ? {} : { credentials: { username, password } }),
    advancedConfiguration: {
      connectionTimeout: connectTimeout,
      ...(tls?.ca === undefined ? {} : { tlsAdvancedConfiguration: { rootCertificates: tls.ca } }),
    },
  })
}

const open = (options: WireOptions): Wire => {
  if (options.tls?.cert !== undefined || options.tls?.key !== undefined)
    throw new CacheError('usage', 'expected no certificate of the application, which GLIDE cannot show, found one')
  const ready: (() => void)[] = []
  const lost: ((error: unknown) => void)[] = []
  const requestTimeout = requestTimeoutFor(options)
  let client: GlideClient | null = null
  /** Not known to be connected yet. */
  let opening: GlideClient | null = null
  /** Of its connection, as it answers. */
  let identityNow = ''
  let packet: Waiting[] = []
  let timer: NodeJS.Timeout | undefined
  let pause = firstPause
  let isClosed = false

  const connect = async (): Promise<void> => {
    const opened = await connectOnce(options)
    opening = opened
    try {
      if (isClosed) throw new Error('the connection was closed')
      const name = `larder:${newId()}`
      const naming = ['HELLO', '3', 'SETNAME', name]
      const [answer, id] = await exchange(opened, [naming, ['CLIENT', 'ID']], options.connectTimeout)
      for (const one of [answer, id]) if (one instanceof RequestError) throw answerOf(one)
      identityNow = `${name} ${String(id)}`
    } catch (error) {
      end(opened)
      throw error
    } finally {
      opening = null
    }
    client = opened
    pause = firstPause
    for (const listener of ready) listener()
  }
  const begin = (): void => {
    timer = undefined
    connect().catch((error: unknown) => lose(refusalIn(error) ?? error))
  }
  const lose = (error: unknown): void => {
    if (client !== null) end(client)
    client = null
    if (isClosed || timer !== undefined) return
    for (const listener of lost) listener(error)
    timer = setTimeout(begin, pause)
    pause = Math.min(longestPause, 2 * pause)
  }
  const failed = (waiting: readonly Waiting[], error: unknown): void => {
    for (const { reject } of waiting) reject(error)
  }
  const flush = async (): Promise<void> => {
    const [waiting, by, own] = [packet, client, identityNow]
    packet = []
    if (by === null) return failed(waiting, new Error('the connection was lost'))
    try {
      const answers = await exchange(by, [...waiting.map(({ args }) => args), ...identity], requestTimeout)
      if (answers.slice(waiting.length).join(' ') !== own) throw new Error('the connection was lost')
      for (const [index, { resolve, reject }] of waiting.entries()) {
        const answer = answers[index]
        if (answer instanceof RequestError) reject(answerOf(answer))
        else resolve(typeof answer === 'boolean' ? Number(answer) : answer)
      }
    } catch (error) {
      failed(waiting, error)
      if (client === by) lose(error)
    }
  }
  begin()
  return {
    isReady: () => client !== null,
    send: (args) => {
      if (client === null) return Promise.reject(new Error('the connection was lost'))
      return new Promise((resolve, reject) => {
        packet.push({ args, resolve, reject })
        if (packet.length === 1) setImmediate(() => void flush())
      })
    },
    onReady: (listener) => void ready.push(listener),
    onLost: (listener) => void lost.push(listener),
    onInvalidated: () => undefined,
    isReply: (error): error is Error => error instanceof ErrorAnswer,
    close: () => {
      isClosed = true
      clearTimeout(timer)
      if (opening !== null) end(opening)
      if (client !== null) end(client)
      client = null
    },
  }
}

const factory: WireFactory = { tracks: false, refusesReplicas: true, open }

/** Connects by `@valkey/valkey-glide` to one server or to a cluster, whichever answers. */
export const connectGlide = createConnect(factory)
