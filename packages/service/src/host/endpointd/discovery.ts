/** One client's connection to the configuration endpoint of a Memcached cluster. */
import type { Socket } from 'node:net'
import type { Discovery } from '../../ports/balancer.ts'
import { ascii } from './ascii.ts'
import { binary, binaryRequest } from './binary.ts'
import type { Protocol, RequestPart } from './protocol.ts'
import { ConnectionEnded, connectToFirst, eachChunk, write } from './sockets.ts'

/** Nothing that Memcached is asked takes long. */
const usualAnswerDeadlineMs = 5_000

type Forwarded = Exclude<RequestPart, { readonly is: 'discovery' }>

/** Of a connection to a node that asks clients to log in. Until it has let this one in, one command after the other is answered. */
interface Gate {
  isIn: boolean
  /** Commands under way. */
  pending: number
  waiting: PromiseWithResolvers<void> | null
  readonly see: ReturnType<Protocol['logins']>
}

/** The connection to a node, and what is still to be answered there. */
interface Link {
  readonly socket: Socket
  /** Whose are the markers under way, in order. */
  readonly markers: ('client' | 'ours')[]
  /** Has anything been sent since our last marker? */
  unanswered: boolean
  /** Who waits for the answer to our marker. */
  waiting: PromiseWithResolvers<void> | null
  /** Null: it asks nobody. */
  readonly gate: Gate | null
}

const isShut = ({ gate }: Link): boolean => gate !== null && !gate.isIn

const watch = (gate: Gate, chunk: Buffer): void => {
  const { answers, isIn } = gate.see(chunk)
  gate.isIn ||= isIn
  gate.pending -= answers
}

const passReplies = async (link: Link, protocol: Protocol, client: Socket): Promise<void> => {
  const split = protocol.replies()
  const { gate } = link
  await eachChunk(link.socket, async (chunk) => {
    if (gate !== null && !gate.isIn) watch(gate, chunk)
    for (const part of split(chunk)) {
      if (part.is === 'marker' && link.markers.shift() === 'ours') link.waiting?.resolve()
      else await write(client, part.bytes)
    }
    if (gate !== null && gate.pending <= 0) gate.waiting?.resolve()
  })
}

const link = async ({ nodes, tls, authenticates }: Discovery, protocol: Protocol, client: Socket): Promise<Link | null> => {
  // From the cluster's own address: not everybody may connect to its nodes.
  const from = client.localAddress === undefined ? {} : { from: client.localAddress }
  const socket = await connectToFirst(nodes, { ...from, ...(tls === undefined ? {} : { authority: tls.authority }) })
  if (socket === null) return null
  const gate = authenticates === true ? { isIn: false, pending: 0, waiting: null, see: protocol.logins() } : null
  const made: Link = { socket, markers: [], unanswered: false, waiting: null, gate }
  if (client.destroyed) socket.destroy()
  client.once('close', () => socket.destroy())
  socket.once('close', () => {
    for (const each of [made, made.gate]) each?.waiting?.reject(new ConnectionEnded('the node closed the connection'))
    client.destroySoon()
  })
  // Whatever ends it, also the client's connection ends.
  passReplies(made, protocol, client)
    .finally(() => socket.destroy())
    .catch(() => client.destroySoon())
  return made
}

/**
 * Resolves when everything that was sent has been answered, and the client has been given the answers. Memcached throws answers away that wait behind
 * a `get` with a key that is too long (1.6.18): where one of the markers was among them, ours never comes. Then the connection ends, as with a dead node.
 */
const allAnswered = async (to: Link, protocol: Protocol, deadlineMs: number): Promise<void> => {
  if (!to.unanswered) return
  const waiting = Promise.withResolvers<void>()
  to.waiting = waiting
  to.markers.push('ours')
  to.unanswered = false
  const timer = setTimeout(() => waiting.reject(new ConnectionEnded('the node did not answer all that it was asked')), deadlineMs)
  try {
    await Promise.all([write(to.socket, protocol.marker), waiting.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Resolves when nothing is under way at a node that has not let the client in: then it is known whether it has. */
const settled = async ({ gate }: Link): Promise<void> => {
  if (gate === null || gate.isIn || gate.pending <= 0) return
  const waiting = Promise.withResolvers<void>()
  gate.waiting = waiting
  await waiting.promise
}

const isCommand = (part: Forwarded): boolean => part.is === 'command'

/**
 * Answers discovery questions in their turn and passes everything else to the first node that accepts, byte for byte. A node is
 * connected to when the first such command comes, so that discovery works while no node lives. When the node ends the connection, so
 * does the client's: what was under way is lost either way, and the client connects again.
 *
 * Resolves when the client has sent its last; rejects with `ConnectionEnded` when either side went away before.
 */
export const serveDiscovery = async (
  client: Socket,
  current: () => Discovery,
  answerDeadlineMs = usualAnswerDeadlineMs,
): Promise<void> => {
  let protocol: Protocol | null = null
  let split: ReturnType<Protocol['requests']> | null = null
  let node: Link | null = null
  /** The last command was refused: what is still to come of it goes nowhere. */
  let refusing = false

  const refuse = async (parts: readonly Forwarded[]): Promise<void> => {
    refusing = true
    for (const part of parts) {
      if (part.is !== 'command') continue
      if (part.quits) return client.destroySoon()
      if (part.refusal !== null) await write(client, part.refusal)
    }
  }

  const forward = async (by: Protocol, parts: readonly Forwarded[]): Promise<void> => {
    if (node === null && parts.some((part) => part.is === 'command' && !part.quits)) node = await link(current(), by, client)
    if (node === null) return refuse(parts)
    const sent = refusing ? parts.slice(parts.findIndex(isCommand)) : parts
    refusing = false
    // Whoever is not let in yet gets no answer that could be told from others.
    if (node.gate !== null && isShut(node)) node.gate.pending += sent.filter(isCommand).length
    else for (const part of sent) if (part.is === 'command' && part.marker) node.markers.push('client')
    node.unanswered = true
    const [only] = sent
    await write(node.socket, sent.length === 1 && only !== undefined ? only.bytes : Buffer.concat(sent.map((part) => part.bytes)))
  }

  await eachChunk(client, async (chunk) => {
    protocol ??= chunk[0] === binaryRequest ? binary : ascii
    split ??= protocol.requests()
    let batch: Forwarded[] = []
    for (const part of split(chunk)) {
      const mayBeShut = current().authenticates === true && (node === null || isShut(node))
      if (part.is === 'discovery' || mayBeShut) {
        if (batch.length > 0) await forward(protocol, batch)
        batch = []
      }
      if (mayBeShut && part.is !== 'more' && node !== null) await settled(node)
      if (part.is !== 'discovery') {
        batch.push(part)
        continue
      }
      if (current().authenticates === true && (node === null || isShut(node))) {
        await write(client, part.unauthenticated)
        continue
      }
      if (node !== null) await allAnswered(node, protocol, answerDeadlineMs)
      await write(client, part.answer(current()))
    }
    if (batch.length > 0) await forward(protocol, batch)
  })
  const last = node as Link | null
  if (last === null) client.end()
  else last.socket.end()
}
