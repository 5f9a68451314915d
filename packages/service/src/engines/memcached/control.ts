/** A control connection to a Memcached node: its text protocol, over its own address. */
import { connect as connectSocket, type Socket } from 'node:net'
import { LarderError } from '../../errors.ts'
import type { EngineControl, EngineStatus, NodePlan } from '../../ports/engine.ts'

const commandDeadlineMs = 2_000
const discoveryKey = 'AmazonElastiCache:cluster'

const opened = (plan: Pick<NodePlan, 'address' | 'port'>, deadlineMs: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connectSocket({ host: plan.address, port: plan.port, localAddress: plan.address })
    const fail = (code: 'deadline' | 'engine-unreachable', reason: string, cause?: Error): void => {
      socket.destroy()
      const where = `${plan.address}:${plan.port}`
      reject(
        new LarderError(code, `no control connection to ${where}: ${reason}`, {
          retry: true,
          ...(cause === undefined ? {} : { cause }),
        }),
      )
    }
    const timer = setTimeout(() => fail('deadline', `not within ${deadlineMs} ms`), deadlineMs)
    socket.once('error', (error) => {
      clearTimeout(timer)
      fail('engine-unreachable', error.message, error)
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })

interface Waiting {
  readonly ends: RegExp
  readonly resolve: (text: string) => void
  readonly reject: (error: Error) => void
}

/** One command at a time, answers in order; each answer ends with a line that `ends` knows. */
const createConversation = (socket: Socket) => {
  const waiting: Waiting[] = []
  let buffer = ''
  const failAll = (error: Error): void => {
    for (const each of waiting.splice(0)) each.reject(error)
  }
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    buffer += chunk
    for (;;) {
      const next = waiting[0]
      const match = next?.ends.exec(buffer)
      if (next === undefined || match === null || match === undefined) return
      const text = buffer.slice(0, match.index + match[0].length)
      buffer = buffer.slice(text.length)
      waiting.shift()
      next.resolve(text)
    }
  })
  socket.on('error', (error) =>
    failAll(
      new LarderError('engine-unreachable', `the control connection broke: ${error.message}`, { cause: error, retry: true }),
    ),
  )
  socket.on('close', () => failAll(new LarderError('engine-unreachable', 'the control connection ended', { retry: true })))
  return (command: string, ends: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      if (socket.destroyed) {
        reject(new LarderError('engine-unreachable', 'the control connection has ended', { retry: true }))
        return
      }
      const timer = setTimeout(() => {
        socket.destroy()
        reject(
          new LarderError('deadline', `${command.split(' ')[0]?.trim() ?? ''} did not answer within ${commandDeadlineMs} ms`, {
            retry: true,
          }),
        )
      }, commandDeadlineMs)
      const done =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer)
          settle(value)
        }
      waiting.push({ ends, resolve: done(resolve), reject: done(reject) })
      socket.write(command)
    })
}

const statEnd = /(^|\r\n)END\r\n/
const lineEnd = /\r\n/

const unsupported = (what: string) => async (): Promise<never> => {
  throw new LarderError('engine-command', `Memcached has no ${what}`)
}

export const connect = async (plan: Pick<NodePlan, 'address' | 'port'>, deadlineMs: number): Promise<EngineControl> => {
  const socket = await opened(plan, deadlineMs)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const ask = createConversation(socket)
  const status = async (): Promise<EngineStatus> => {
    const text = await ask('stats\r\n', statEnd)
    const stats = new Map([...text.matchAll(/STAT (\S+) (.*)\r\n/g)].map((match) => [match[1] ?? '', match[2] ?? '']))
    return {
      pid: Number(stats.get('pid') ?? 0),
      version: (stats.get('version') ?? '').split(' ')[0] ?? '',
      loading: false,
      usedMemoryBytes: Number(stats.get('bytes') ?? 0),
      maxMemoryBytes: Number(stats.get('limit_maxbytes') ?? 0),
      clients: Number(stats.get('curr_connections') ?? 0),
      bound: [plan.address],
      replication: null,
      cluster: null,
    }
  }
  await status()
  return {
    closed,
    status,
    // Every parameter of Memcached takes effect with a restart.
    applyParameters: unsupported('parameters that can be changed while it runs'),
    setMaxMemory: async (bytes) => {
      const answer = await ask(`cache_memlimit ${Math.floor(bytes / 1024 ** 2)}\r\n`, lineEnd)
      if (!answer.startsWith('OK')) throw new LarderError('engine-command', `cache_memlimit was refused: ${answer.trim()}`)
    },
    replicate: unsupported('replication'),
    bind: unsupported('addresses that can be changed while it runs'),
    meet: unsupported('cluster'),
    addSlots: unsupported('cluster'),
    setConfigEpoch: unsupported('cluster'),
    replicateNode: unsupported('cluster'),
    takeOver: unsupported('cluster'),
    forget: unsupported('cluster'),
    publishDiscovery: async (text) => {
      const answer = await ask(`set ${discoveryKey} 0 0 ${Buffer.byteLength(text)}\r\n${text}\r\n`, lineEnd)
      if (!answer.startsWith('STORED'))
        throw new LarderError('engine-command', `the node list was not stored: ${answer.trim()}`, { retry: true })
    },
    shutdown: unsupported('shutdown command; it is ended by a signal'),
    command: async (args) => (await ask(`${args.join(' ')}\r\n`, lineEnd)).trim(),
    close: () => socket.destroy(),
  }
}
