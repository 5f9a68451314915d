import type { GroupSpec } from './group.ts'

/** A majority of three primaries and more can elect a replica without Larder; one or two have no majority without the lost one. */
export const hasElection = (spec: Pick<GroupSpec, 'kind' | 'shards'>): boolean => spec.kind === 'cme' && spec.shards.length >= 3
