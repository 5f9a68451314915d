/** A control connection to a Valkey or Redis OSS node: over its unix socket, as the control user. */
import { createClient } from '@redis/client'
import { LarderError } from '../../errors.ts'
import type { Endpoint } from '../../model/group.ts'
import type { EngineControl, EngineStatus, NodePlan } from '../../ports/engine.ts'
import { controlUser } from './acl.ts'
import { directivesOf } from './parameters.ts'
import { parseCluster, parseInfo, replicationOf } from './parse.ts'

const commandDeadlineMs = 2_000
const saveDeadlineMs = 60_000

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const within = async <T>(what: string, ms: number, work: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new LarderError('deadline', `${what} did not answer within ${ms} ms`, { retry: true })), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** The names of the engine's own error replies; everything else that a client throws is a broken connection. */
const isReply = (error: unknown): boolean => error instanceof Error && /^[A-Z][A-Z_-]+ /.test(error.message)

export const connect = async (
  plan: Pick<NodePlan, 'socket' | 'secrets' | 'kind'>,
  deadlineMs: number,
): Promise<EngineControl> => {
  const client = createClient({
    socket: { path: plan.socket, reconnectStrategy: false, connectTimeout: deadlineMs },
    username: controlUser,
    password: plan.secrets.control,
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
  })
  const closed = new Promise<void>((resolve) => {
    client.once('end', resolve)
    client.once('error', () => resolve())
  })
  const destroy = (): void => {
    if (client.isOpen) client.destroy()
  }
  client.on('error', destroy)
  try {
    await within(`the connection to ${plan.socket}`, deadlineMs, client.connect())
  } catch (error) {
    destroy()
    if (error instanceof LarderError) throw error
    throw new LarderError('engine-unreachable', `no control connection to ${plan.socket}: ${messageOf(error)}`, {
      cause: error,
      retry: true,
    })
  }

  const send = async (args: readonly string[], deadline = commandDeadlineMs): Promise<unknown> => {
    const name = args.slice(0, 2).join(' ')
    try {
      return await within(name, deadline, client.sendCommand([...args]))
    } catch (error) {
      if (error instanceof LarderError) throw error
      const code = isReply(error) ? 'engine-command' : 'engine-unreachable'
      throw new LarderError(code, `${name} failed: ${messageOf(error)}`, { cause: error, retry: true })
    }
  }
  const text = async (...args: string[]): Promise<string> => String(await send(args))

  const bound = async (): Promise<readonly string[]> => {
    const answer = await send(['CONFIG', 'GET', 'bind'])
    const value = Array.isArray(answer) ? String(answer[1] ?? '') : ''
    return value.split(' ').filter((address) => address !== '')
  }

  const status = async (): Promise<EngineStatus> => {
    const cluster = plan.kind === 'cme'
    const [infoText, addresses, nodes, clusterInfo] = await Promise.all([
      text('INFO'),
      bound(),
      cluster ? text('CLUSTER', 'NODES') : '',
      cluster ? text('CLUSTER', 'INFO') : '',
    ])
    const info = parseInfo(infoText)
    return {
      pid: Number(info.get('process_id') ?? 0),
      version: info.get('valkey_version') ?? info.get('redis_version') ?? '',
      loading: info.get('loading') === '1' || info.get('async_loading') === '1',
      usedMemoryBytes: Number(info.get('used_memory') ?? 0),
      maxMemoryBytes: Number(info.get('maxmemory') ?? 0),
      clients: Number(info.get('connected_clients') ?? 0),
      bound: addresses,
      replication: replicationOf(info),
      cluster: cluster ? parseCluster(nodes, clusterInfo) : null,
    }
  }

  const bind = async (addresses: readonly string[]): Promise<void> => {
    const before = await bound()
    await send(['CONFIG', 'SET', 'bind', addresses.join(' ')])
    const port = String(((await send(['CONFIG', 'GET', 'port'])) as readonly unknown[])[1])
    for (const address of before.filter((each) => !addresses.includes(each))) {
      await send(['CLIENT', 'KILL', 'LADDR', `${address}:${port}`, 'SKIPME', 'yes'])
    }
  }

  const slots = (ranges: readonly (readonly [number, number])[]): string[] =>
    ranges.flatMap(([first, last]) => [String(first), String(last)])
  const meetOne = (node: Endpoint): Promise<unknown> => send(['CLUSTER', 'MEET', node.address, String(node.port)])

  return {
    closed,
    status,
    bind,
    applyParameters: async (parameters) => {
      const directives = Object.entries(directivesOf(parameters))
      for (const [name, value] of directives) await send(['CONFIG', 'SET', name, value])
    },
    setMaxMemory: async (bytes) => {
      await send(['CONFIG', 'SET', 'maxmemory', String(bytes)])
    },
    replicate: async (of) => {
      await send(of === null ? ['REPLICAOF', 'NO', 'ONE'] : ['REPLICAOF', of.address, String(of.port)])
    },
    meet: async (nodes) => {
      await Promise.all(nodes.map(meetOne))
    },
    addSlots: async (ranges) => {
      await send(['CLUSTER', 'ADDSLOTSRANGE', ...slots(ranges)])
    },
    setConfigEpoch: async (epoch) => {
      await send(['CLUSTER', 'SET-CONFIG-EPOCH', String(epoch)])
    },
    replicateNode: async (nodeId) => {
      await send(['CLUSTER', 'REPLICATE', nodeId])
    },
    takeOver: async () => {
      await send(['CLUSTER', 'FAILOVER', 'TAKEOVER'])
    },
    forget: async (nodeId) => {
      await send(['CLUSTER', 'FORGET', nodeId])
    },
    publishDiscovery: async () => {
      throw new LarderError('engine-command', 'discovery is a matter of Memcached')
    },
    shutdown: async ({ save }) => {
      // The engine does not answer: it ends the connection. An answer is a refusal.
      const refused = client.sendCommand(['SHUTDOWN', save ? 'SAVE' : 'NOSAVE']).then(
        (answer) => String(answer),
        (error: unknown) => (isReply(error) ? messageOf(error) : null),
      )
      const ended = closed.then(() => null)
      const reason = await within(
        'SHUTDOWN',
        save ? saveDeadlineMs : commandDeadlineMs,
        Promise.race([ended, refused.then((text_) => text_ ?? ended)]),
      )
      if (reason !== null) throw new LarderError('engine-command', `SHUTDOWN was refused: ${reason}`)
    },
    command: (args) => send(args, 10_000),
    close: destroy,
  }
}
