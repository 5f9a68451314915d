/** Commands to one node over a connection of its own, as anybody may send them. */
import { openExchange } from '../packages/service/src/engines/exchange.ts'
import { parseInfo } from '../packages/service/src/engines/valkey/parse.ts'
import { createReplyReader, encodeCommand, type Reply, ReplyError } from '../packages/service/src/engines/valkey/resp.ts'
import type { Witness } from './history.ts'
import { nodeOf } from './names.ts'

export interface Place {
  readonly address: string
  readonly port: number
}

export interface Link {
  readonly closed: Promise<void>
  /** Sent in one piece, answered in order. An error of the engine is a value. Rejects with a `LarderError`. */
  send(commands: readonly (readonly string[])[], deadlineMs: number): Promise<readonly Reply[]>
  close(): void
}

export const openLink = async ({ address, port }: Place, deadlineMs = 1_000): Promise<Link> => {
  const where = `${address}:${port}`
  const exchange = await openExchange({ host: address, port }, where, createReplyReader(), async () => undefined, deadlineMs)
  return {
    closed: exchange.closed,
    send: (commands, sendDeadlineMs) =>
      Promise.all(commands.map((args) => exchange.send(args[0] ?? '', encodeCommand(args), null, sendDeadlineMs))),
    close: () => exchange.close(),
  }
}

/** Opens, asks, closes. */
export const ask = async (
  place: Place,
  commands: readonly (readonly string[])[],
  deadlineMs = 1_000,
): Promise<readonly Reply[]> => {
  const link = await openLink(place, deadlineMs)
  try {
    return await link.send(commands, deadlineMs)
  } finally {
    link.close()
  }
}

export const textOf = (reply: Reply | undefined): string => {
  if (typeof reply === 'string') return reply
  throw reply instanceof ReplyError ? reply : new TypeError(`expected a text, found ${String(reply)}`)
}

export const infoOf = async (place: Place, section: string, deadlineMs?: number): Promise<ReadonlyMap<string, string>> =>
  parseInfo(textOf((await ask(place, [['INFO', section]], deadlineMs))[0]))

const fieldOf = (info: string, name: string): string => {
  const at = info.indexOf(`\n${name}:`)
  // A copy: a part of the text would keep all of the text in memory.
  return at < 0 ? '' : Buffer.from(info.slice(at + name.length + 2, info.indexOf('\r', at))).toString()
}

/** Of `INFO server` and `INFO replication`. Throws `TypeError` where they do not say who it is. */
export const witnessOf = (server: string, replication: string): Witness => {
  const runId = fieldOf(server, 'run_id')
  const witness = {
    node: nodeOf(runId, Number(fieldOf(server, 'process_id'))),
    runId,
    replicationId: fieldOf(replication, 'master_replid'),
    at: Number(fieldOf(server, 'server_time_usec')) / 1_000,
  }
  if (Object.values(witness).includes('') || !(witness.at > 0))
    throw new TypeError(`expected a node to say who it is, found ${JSON.stringify(witness)}`)
  return witness
}
