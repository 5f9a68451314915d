/** Endpoints that no engine binds: readers balanced by the kernel where that is possible, everything else by a process of its own. */
import { createHash } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { Balancer } from '../ports/balancer.ts'
import type { Host } from '../ports/host.ts'
import type { Log } from '../ports/log.ts'
import { openReaderTable, type ReaderTable } from './nftables.ts'
import { canUseNftables } from './nftables-try.ts'
import type { PacketFilter } from './packet-filter/packet-filter.ts'
import { openServedEndpoints, type ServedEndpoints } from './served-endpoints.ts'

interface BalancerOptions {
  /** The state folder. Its table in the kernel is named after it. */
  readonly home: string
  /** How nft is run, `['/usr/sbin/nft']`; null where it is not there. */
  readonly nft: readonly string[] | null
  /** Null where nft is not there. */
  readonly filter: PacketFilter | null
  /** False: the kernel's packet filter is left alone. */
  readonly allowNft: boolean
  readonly host: Host
  readonly log: Log
  /** Aborted when Larder ends. What is in force stays in force. */
  readonly signal: AbortSignal
  /** So long the process stays when there is nothing to serve; as long as `served-endpoints.ts` says where it is left out. */
  readonly lingerMs?: number
}

/** `larder_` and eight hexadecimal digits that belong to this home. */
export const tableOf = async (home: string): Promise<string> =>
  `larder_${createHash('sha256')
    .update(await realpath(home))
    .digest('hex')
    .slice(0, 8)}`

const openTable = async ({ home, nft, filter, allowNft, log }: BalancerOptions): Promise<ReaderTable | null> => {
  if (nft === null || filter === null || !allowNft) return null
  const capability = await canUseNftables(nft, join(home, 'packet-filter', 'able'))
  if (capability.ok) return openReaderTable({ nft, filter, table: await tableOf(home), log })
  log('warn', 'reader endpoints are served by a process, the kernel cannot balance them', { reason: capability.reason })
  return null
}

/**
 * Readers that were served in the other way before go over to this one. Connections through the forwarder go on; those through the
 * kernel are cut, because it stops translating addresses with the last rule.
 */
const takeOver = async (
  table: ReaderTable | null,
  served: ServedEndpoints,
  { home, nft, filter, allowNft, log }: BalancerOptions,
): Promise<void> => {
  if (table !== null) {
    for (const { endpoint, backends } of served.readers()) {
      await table.setReader(endpoint, backends)
      await served.remove(endpoint)
    }
    return
  }
  if (nft === null || filter === null || allowNft || !(await canUseNftables(nft)).ok) return
  const former = await openReaderTable({ nft, filter, table: await tableOf(home), log })
  for (const { endpoint, backends } of await former.rules()) await served.setReader(endpoint, backends)
  await former.clear()
}

/**
 * Takes over what is in force for this home. All methods resolve when the change is in force.
 * Rejects with `store-corrupt` or `store-newer` where the list of served endpoints cannot be read.
 */
export const openBalancer = async (options: BalancerOptions): Promise<Balancer> => {
  const { home, host, log, signal, lingerMs } = options
  const linger = lingerMs === undefined ? {} : { lingerMs }
  const served = await openServedEndpoints({ host, folder: join(home, 'endpoints'), log, signal, ...linger })
  const table = await openTable(options)
  await takeOver(table, served, options)
  const readers = table ?? served
  return {
    setReader: (endpoint, backends) => readers.setReader(endpoint, backends),
    setDiscovery: (endpoint, discovery) => served.setDiscovery(endpoint, discovery),
    setFronts: (group, fronts) => served.setFronts(group, fronts),
    remove: async (endpoint) => {
      await table?.remove(endpoint)
      await served.remove(endpoint)
    },
    list: async () => [...((await table?.list()) ?? []), ...(await served.list())],
    clear: async () => {
      await table?.clear()
      await served.clear()
    },
  }
}
