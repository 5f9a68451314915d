/** One server, or the primary endpoint of a group without cluster mode, by `@redis/client`. */
import { createClient, ErrorReply } from '@redis/client'
import type { Answer, Command, Connection, ConnectionOptions, Reply } from '../../connection.ts'
import { CacheError } from '../../errors.ts'
import { clientOptions, type NodeHandle, type RawClient, refused, unavailable, watchNode, within } from './node.ts'
import { createReader, type Reader } from './reader.ts'
import { createTracking } from './tracking.ts'

const checkInterval = 1_000
const renewInterval = 50

export const openSingle = (options: ConnectionOptions): Connection & { connected(): Promise<void> } => {
  const { url, commandTimeout = 500, track = false, credentials, readFrom = 'primary' } = options
  const tracking = track ? createTracking(() => [current.node], commandTimeout) : null
  let closed = false

  const open = () => {
    const client = createClient({ ...clientOptions(options), url })
    const node = watchNode(client as unknown as RawClient, {
      commandTimeout,
      credentials,
      track,
      renew: () => {
        if (!closed && current.client === client) renew()
      },
      onLost: () => tracking?.lost(),
      onInvalidated: (keys) => tracking?.invalidated(keys),
    })
    // Wrong credentials do not become right by themselves.
    const denied = new Promise<never>((_, reject) => {
      client.on('error', (error: unknown) => {
        if (error instanceof ErrorReply) reject(refused(error))
      })
    })
    denied.catch(() => undefined) // for whoever waits for the first connection
    client.connect().catch(() => undefined) // closed meanwhile; all else is told by events
    return { client, node, denied }
  }
  let current = open()
  let renewal: NodeJS.Timeout | undefined
  /** Whoever is asked for the address now may be another one. Not at once, since it may take a moment until it is. */
  const renew = (): void => {
    renewal ??= setTimeout(() => {
      renewal = undefined
      const { client, node } = current
      node.dispose()
      current = open()
      client.destroy()
    }, renewInterval)
    renewal.unref()
  }

  const checks = setInterval(() => current.node.check().catch(() => undefined), checkInterval)
  checks.unref()
  const reader = typeof readFrom === 'object' ? createReader(options, readFrom.url) : null

  const ask = (node: NodeHandle, epoch: string, commands: readonly Command[]): Promise<readonly Answer[]> => {
    const [only] = commands
    if (commands.length === 1 && only !== undefined) return node.call(only).then((value) => [{ value, epoch }])
    return Promise.all(commands.map((command) => node.call(command))).then((values) =>
      values.map((value: Reply): Answer => ({ value, epoch })),
    )
  }
  const onPrimary = (commands: readonly Command[]): Promise<readonly Answer[]> => {
    const { node } = current
    const known = node.epoch()
    if (known !== null) return ask(node, known, commands)
    return node.ready().then(() => {
      const epoch = node.epoch()
      if (epoch === null) throw unavailable('the connection was lost')
      return ask(node, epoch, commands)
    })
  }

  const sendApart = async (commands: readonly Command[], reader: Reader): Promise<readonly Answer[]> => {
    const [answers, read] = await Promise.all([
      onPrimary(commands.filter(({ fromReplica }) => fromReplica !== true)),
      reader.read(commands.filter(({ fromReplica }) => fromReplica === true)),
    ])
    const [one] = answers
    if (one === undefined) throw new CacheError('usage', 'expected something that the primary decides about')
    const [fromPrimary, fromReplica] = [answers.values(), read.values()]
    return commands.map((command) => {
      const answer = command.fromReplica === true ? fromReplica.next().value : fromPrimary.next().value?.value
      return { value: answer ?? null, epoch: one.epoch }
    })
  }

  return {
    clustered: false,
    tracking: tracking?.port ?? null,
    connected: () => Promise.race([current.node.ready(), current.denied]),
    send: (commands, { timeout = commandTimeout } = {}) => {
      if (closed) return Promise.reject(new CacheError('closed', 'the connection was closed'))
      const isApart = reader !== null && commands.some(({ fromReplica }) => fromReplica === true)
      return within(isApart ? sendApart(commands, reader) : onPrimary(commands), timeout)
    },
    close: async () => {
      if (closed) return
      closed = true
      clearInterval(checks)
      clearTimeout(renewal)
      current.node.dispose()
      current.client.destroy()
      reader?.close()
    },
  }
}
