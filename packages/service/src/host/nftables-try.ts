/** Finds out whether this process may use nftables, by doing it. */
import { randomInt } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { LarderError } from '../errors.ts'
import type { Endpoint } from '../model/group.ts'
import { files } from './files.ts'
import { applyRules, listTables } from './nftables.ts'
import { removalText, tableText } from './nftables-rules.ts'
import { bootId, identify } from './proc.ts'

export type Capability = { readonly ok: true } | { readonly ok: false; readonly reason: string }

const answerDeadlineMs = 1_000
const tablePrefix = 'larder_try_'

/** Answers each connection with its own address. */
const listenOn = (address: string, port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy())
      socket.end(address)
    })
    server.once('error', reject)
    server.listen({ host: address, port }, () => resolve(server))
  })

const portOf = (server: Server): number => {
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new LarderError('machine', 'a listening socket has no port')
  return bound.port
}

const ask = async ({ address, port }: Endpoint): Promise<string> => {
  const socket = connect({ host: address, port, signal: AbortSignal.timeout(answerDeadlineMs) })
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

/** What earlier tries left behind that were killed in the middle. */
const removeStale = async (nft: readonly string[]): Promise<void> => {
  const stale = (await listTables(nft)).filter(
    (name) => name.startsWith(tablePrefix) && identify(Number(name.slice(tablePrefix.length))) === null,
  )
  for (const name of stale) await applyRules(nft, removalText(name))
}

const tryConnections = async (nft: readonly string[], table: string, servers: Server[]): Promise<Capability> => {
  const prefix = `127.${randomInt(248, 252)}.${randomInt(0, 256)}`
  const [endpoint, left, right] = [`${prefix}.1`, `${prefix}.2`, `${prefix}.3`]
  const first = await listenOn(left, 0)
  servers.push(first)
  const port = portOf(first)
  servers.push(await listenOn(right, port))
  const backends = [left, right].map((address) => ({ address, port }))
  await applyRules(nft, tableText(table, [{ endpoint: { address: endpoint, port }, backends }]))
  try {
    const answers = [await ask({ address: endpoint, port }), await ask({ address: endpoint, port })].sort()
    if (answers.join() === `${left},${right}`) return { ok: true }
    return { ok: false, reason: `expected two connections to reach ${left} and ${right}, they reached ${answers.join(' and ')}` }
  } finally {
    await applyRules(nft, removalText(table))
  }
}

/**
 * What a try was made with and by: its answer holds while all of it is the same. Null where the kernel does not tell all of it.
 */
const circumstances = (nft: readonly string[]): string | null => {
  try {
    const status = readFileSync('/proc/self/status', 'utf8')
    const rights = ['Uid', 'CapEff', 'CapBnd', 'NoNewPrivs', 'Seccomp'].map(
      (name) => new RegExp(`^${name}:.*$`, 'm').exec(status)?.[0],
    )
    const network = readlinkSync('/proc/self/ns/net')
    return rights.includes(undefined) ? null : JSON.stringify({ boot: bootId(), network, rights, nft })
  } catch {
    return null // then it is tried
  }
}

/** That of an earlier process, where nothing has changed since. */
const isKnown = (file: string, now: string): boolean => {
  try {
    return readFileSync(file, 'utf8') === now
  } catch {
    return false // then it is tried
  }
}

let tries: Promise<unknown> = Promise.resolve()
/** Commands that were found able: a process does not lose what it may. */
const able = new Set<string>()

/**
 * Makes a table with a balanced rule, connects through it, and takes everything away again. Never rejects. `memory` is a file that keeps a good answer for
 * the next process: a try takes three processes, one after the other.
 */
export const canUseNftables = async (nft: readonly string[] | null, memory?: string): Promise<Capability> => {
  if (nft === null) return { ok: false, reason: 'the nft command is not there' }
  const table = `${tablePrefix}${process.pid}`
  const attempt = async (): Promise<Capability> => {
    if (able.has(nft.join(' '))) return { ok: true }
    const now = memory === undefined ? null : circumstances(nft)
    if (memory !== undefined && now !== null && isKnown(memory, now)) {
      able.add(nft.join(' '))
      return { ok: true }
    }
    const servers: Server[] = []
    try {
      await removeStale(nft)
      const capability = await tryConnections(nft, table, servers)
      if (capability.ok) {
        able.add(nft.join(' '))
        if (memory !== undefined && now !== null) await files.writeFile(memory, now).catch(() => undefined) // the next process tries too
      }
      return capability
    } catch (error) {
      return { ok: false, reason: error instanceof Error ? error.message : String(error) }
    } finally {
      for (const server of servers) server.close()
    }
  }
  // One after the other: they would share the table.
  const result = tries.then(attempt)
  tries = result
  return result
}
