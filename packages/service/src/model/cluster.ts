import type { GroupSpec } from './group.ts'

/** A majority of three primaries and more can elect a replica without Larder; one or two have no majority without the lost one. */
export const hasElection = (spec: Pick<GroupSpec, 'kind' | 'shards'>): boolean => spec.kind === 'cme' && spec.shards.length >= 3

const busOffset = 10_000
const highestPort = 65_535

/** The bus of a sharded group listens 10,000 above the port, where that is a port at all. */
export const busPort = (port: number): number => (port + busOffset <= highestPort ? port + busOffset : port - busOffset)
