/** What only some versions of the engines understand, beside `engineCapabilities` of the model: data for rendering. */
import { compareVersions } from '../../model/engine-versions.ts'
import type { InstalledEngine } from '../../ports/catalog.ts'

/** First version of each engine that has it; an engine that is missing never has it. */
type Since = Readonly<Partial<Record<'valkey' | 'redis', string>>>

export const isSince = (since: Since, { engine, version }: Pick<InstalledEngine, 'engine' | 'version'>): boolean => {
  const first = engine === 'memcached' ? undefined : since[engine]
  return first !== undefined && compareVersions(version, first) >= 0
}

/** Threads that write also read only where they are told to; later engines do so anyway. */
export const threadsReadWhenTold: Since = { redis: '6.0' }

const always: Since = { valkey: '0', redis: '0' }

/** nodes.conf says which shard a node belongs to. Older engines would take it for a host name. */
export const shardIdsInClusterFile: Since = { valkey: '7.2', redis: '7.2' }

/** Subcommands of CLUSTER that change nothing. All others are closed to clients in cluster mode, also those that are yet to come. */
export const readingClusterCommands: Readonly<Record<string, Since>> = {
  'count-failure-reports': always,
  countkeysinslot: always,
  getkeysinslot: always,
  help: always,
  info: always,
  keyslot: always,
  links: always,
  myid: always,
  nodes: always,
  replicas: always,
  shards: always,
  slaves: always,
  slots: always,
  myshardid: { valkey: '7.2', redis: '7.2' },
  'slot-stats': { valkey: '8.0', redis: '8.2' },
  getslotmigrations: { valkey: '9.0' },
}
