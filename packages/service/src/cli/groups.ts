/** Finds what a user names on the command line. */
import { LarderError } from '../errors.ts'
import type { GroupReport, NodeReport, Report } from '../observe/report.ts'

export interface Found {
  readonly group: GroupReport
  /** Null: the whole group was named. */
  readonly node: NodeReport | null
}

const nodesOf = (group: GroupReport): readonly NodeReport[] => group.shards.flatMap((shard) => shard.nodes)

/** More than these are not written out: `larder status` shows them. */
const mostNames = 12

/** A group, a cache cluster or a node by its id. Throws `usage` with the names of the groups that there are. */
export const findNamed = (report: Report, name: string): Found => {
  const wanted = name.toLowerCase()
  for (const group of report.groups) {
    if (group.id === wanted) return { group, node: null }
    const node = nodesOf(group).find((candidate) => candidate.id === wanted)
    if (node !== undefined) return { group, node }
  }
  if (report.groups.length === 0)
    throw new LarderError('usage', `expected a group or node, found ${name}: there are no groups yet`)
  const names = report.groups.slice(0, mostNames).map((group) => group.id)
  const left = report.groups.length - names.length
  const others = left === 0 ? '' : ` or ${left} more`
  throw new LarderError(
    'usage',
    `expected a group (${names.join(', ')}${others}) or one of its nodes, found ${name}; larder status shows all`,
  )
}
