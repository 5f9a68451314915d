/**
 * By `@valkey/valkey-glide` 2, which the application brings. It does not tell of changed keys, so there is no near cache with it.
 *
 * GLIDE connects anew by itself and says nothing of it, but what a server has may be older then. So each connection is marked (by tracking that tracks nothing, which
 * GLIDE does not bring back), and whatever is sent ends with the question whether the mark is still there. Where it is not, none of the answers is believed.
 */
import { Batch, ClosingError, Decoder, GlideClient, ProtocolVersion, RequestError } from '@valkey/valkey-glide'
import type { Argument } from '../connection.ts'
import { CacheError } from '../errors.ts'
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

/** Longer than anybody waits: time is limited by who asks. */
const requestTimeout = 60_000
const [firstPause, longestPause] = [10, 1_000]
const mark: readonly string[] = ['CLIENT', 'TRACKING', 'ON', 'OPTIN']
const isMarked: readonly string[] = ['CLIENT', 'GETREDIR']
const marked = 0

const exchange = async (client: GlideClient, packet: readonly (readonly Argument[])[]): Promise<readonly unknown[]> => {
  const batch = new Batch(false)
  for (const args of packet) batch.customCommand([...args])
  const answers = await client.exec(batch, false, { timeout: requestTimeout })
  return answers ?? []
}

const connectOnce = async ({ url, tls, credentials, connectTimeout, isReplica }: WireOptions): Promise<GlideClient> => {
  const { host, port, database, isSecure, credentials: named } = targetOf(url)
  const { username = 'default', password } = credentials === undefined ? named : await credentials()
  return GlideClient.createClient({
    addresses: [{ host, port }],
    databaseId: database,
    protocol: ProtocolVersion.RESP3,
    defaultDecoder: Decoder.Bytes,
    requestTimeout,
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
  let client: GlideClient | null = null
  let packet: Waiting[] = []
  let timer: NodeJS.Timeout | undefined
  let pause = firstPause
  let isClosed = false

  const connect = async (): Promise<void> => {
    const opened = await connectOnce(options)
    const [answer] = isClosed ? [] : await exchange(opened, [mark])
    if (isClosed || answer instanceof Error) {
      opened.close()
      if (answer instanceof RequestError) throw answerOf(answer)
      return
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
    client?.close()
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
    const [waiting, by] = [packet, client]
    packet = []
    if (by === null) return failed(waiting, new Error('the connection was lost'))
    try {
      const answers = await exchange(by, [...waiting.map(({ args }) => args), isMarked])
      if (answers[waiting.length] !== marked) throw new Error('the connection was lost')
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
      client?.close()
      client = null
    },
  }
}

const factory: WireFactory = { tracks: false, open }

/** Connects by `@valkey/valkey-glide` to one server or to a cluster, whichever answers. */
export const connectGlide = createConnect(factory)
