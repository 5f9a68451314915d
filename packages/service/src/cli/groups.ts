/** Finds what a user names on the command line. */
import { LarderError } from '../errors.ts'
import type { GroupReport, NodeReport, Report } from '../observe/report.ts'

export interface Found {
  readonly group: GroupReport
  /** Null: the whole group was named. */
  readonly node: NodeReport | null
}

const nodesOf = (group: GroupReport): readonly NodeReport[] => group.shards.flatMap((shard) => shard.nodes)

/** A group, a cache cluster or a node by its id. Throws `usage` with the names that there are. */
export const findNamed = (report: Report, name: string): Found => {
  const wanted = name.toLowerCase()
  for (const group of report.groups) {
    if (group.id === wanted) return { group, node: null }
    const node = nodesOf(group).find((candidate) => candidate.id === wanted)
    if (node !== undefined) return { group, node }
  }
  const names = report.groups.flatMap((group) => [group.id, ...nodesOf(group).map((node) => node.id)])
  throw new LarderError('usage', `expected one of ${names.join(', ') || '(there are no groups yet)'}, found ${name}`)
}
