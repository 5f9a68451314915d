/** Answers that nobody reads: they pile up in the engine's memory (CVE-2025-21605), where nobody has logged in without end. */
import { connect, type Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import { until } from '../../packages/service/src/testing/busy-machine.ts'
import type { EngineTarget } from './engine-rows.ts'
import type { Attack } from './table.ts'
import { command, type Place, talk } from './wire.ts'

const batch = Buffer.concat(Array.from({ length: 1_000 }, () => command('PING')))
/** 28 MB of commands, 68 MB of refusals: far more than all buffers of the kernel between the two. */
const batches = 2_000

const open = async ({ host, port, ca }: Place): Promise<Socket> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket: Socket = ca === undefined ? connect({ host, port }, resolve) : connectSecurely({ host, port, ca }, resolve)
  socket.on('error', reject)
  await promise
  return socket
}

/** What the engine keeps for the client at this place, as it says itself: null where the client is gone. */
const keptFor = async ({ place, token }: EngineTarget, from: string): Promise<number | null> => {
  const listed = await talk(place, command('AUTH', token), command('CLIENT', 'LIST'))
  const line = listed.split(/\r?\n/).find((each) => each.includes(` addr=${from} `))
  return line === undefined ? null : Number(/ omem=(\d+)/.exec(line)?.[1] ?? 0)
}

/** Sends without ever reading, until the engine ends it or everything is sent. */
const neverRead = async (target: EngineTarget): Promise<string> => {
  const socket = await open(target.place)
  const from = `${socket.localAddress}:${socket.localPort}`
  let ended = false
  const end = (): void => {
    ended = true
  }
  socket.on('error', end)
  socket.on('close', end)
  socket.pause()
  try {
    let sent = 0
    let taken = true
    socket.on('drain', () => {
      taken = true
    })
    let kept: number | null = 0
    await until(
      'the engine ends it, or has taken everything',
      async () => {
        while (taken && !ended && sent < batches) {
          sent += 1
          taken = socket.write(batch)
        }
        kept = ended ? null : await keptFor(target, from)
        return kept === null || (sent === batches && taken) || kept > 4 * 1024 ** 2
      },
      20_000,
    )
    return kept === null ? 'ended by the engine' : `open, and the engine keeps ${kept} bytes for it`
  } finally {
    socket.destroy()
  }
}

export const unreadAttacks: readonly Attack<EngineTarget>[] = [
  { name: 'commands without a login whose answers are never read', how: neverRead, must: /^ended by the engine$/ },
]
