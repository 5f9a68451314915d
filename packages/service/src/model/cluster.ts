import type { GroupSpec } from './group.ts'

/**
 * A majority of three primaries and more can elect a replica without Larder; one or two have no majority without the lost one.
 * Only those that own slots vote: `spec` is the group with the slots that its shards own (`withPresentShards`).
 */
export const hasElection = (spec: Pick<GroupSpec, 'kind' | 'shards'>): boolean =>
  spec.kind === 'cme' && spec.shards.filter((shard) => shard.slots.length > 0).length >= 3

const busOffset = 10_000
const highestPort = 65_535

/** The bus of a sharded group listens 10,000 above the port, where that is a port at all. */
export const busPort = (port: number): number => (port + busOffset <= highestPort ? port + busOffset : port - busOffset)
