/** `larder status` for people: a tree of groups, shards and nodes. Pure: a report in, text out. */
import { styleText } from 'node:util'
import { whyRetired } from '../model/retired-engines.ts'
import type { GroupReport, NodeReport, Report, ShardReport } from '../observe/report.ts'

type Style = Parameters<typeof styleText>[0]
type Paint = (style: Style, text: string) => string

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `1.5 MiB`: three digits at most, binary units. */
export const bytesText = (bytes: number): string => {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  const text = unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)
  return `${text} ${units[unit] ?? 'B'}`
}

const kindText: Readonly<Record<GroupReport['kind'], string>> = {
  cmd: 'replication group',
  cme: 'replication group, cluster mode',
  single: 'cache cluster',
  memcached: 'cache cluster',
}

const statusStyle = (status: string): Style => {
  if (status === 'available') return 'green'
  return status === 'create-failed' || status === 'not running' || status === 'not serving' ? 'red' : 'yellow'
}

const memoryText = (node: NodeReport): string => {
  if (node.memoryBytes === null) return ''
  return node.maxMemoryBytes === null || node.maxMemoryBytes === 0
    ? bytesText(node.memoryBytes)
    : `${bytesText(node.memoryBytes)} of ${bytesText(node.maxMemoryBytes)}`
}

const lagText = (node: NodeReport): string => {
  if (node.role !== 'replica') return ''
  if (node.lagBytes === null) return 'not in sync'
  return node.lagBytes === 0 ? 'in sync' : `lag ${bytesText(node.lagBytes)}`
}

const columns = (node: NodeReport): readonly string[] => [
  node.id,
  node.role,
  node.status,
  node.zone,
  node.address === null ? 'no address yet' : `${node.address}:${node.port}`,
  node.pid === null ? '-' : `pid ${node.pid}`,
  memoryText(node),
  lagText(node),
]

const widthsOf = (rows: readonly (readonly string[])[]): readonly number[] =>
  (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))

const styleOf = (node: NodeReport, column: number): Style | null => {
  if (column === 1) return node.role === 'primary' ? 'bold' : null
  if (column === 2) return statusStyle(node.status)
  return column === 5 ? 'dim' : null
}

const nodeLine = (node: NodeReport, widths: readonly number[], paint: Paint): string =>
  columns(node)
    .map((text, column) => {
      const padded = text.padEnd(widths[column] ?? 0)
      const style = styleOf(node, column)
      return style === null ? padded : paint(style, padded)
    })
    .join('  ')
    .trimEnd()

const slotsText = (shard: ShardReport): string =>
  shard.slots.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',')

const endpointLines = (group: GroupReport): readonly string[] =>
  Object.entries(group.endpoints).flatMap(([name, endpoint]) =>
    endpoint === null ? [] : [`${name} ${endpoint.address}:${endpoint.port}`],
  )

/** `redis 7.1.0, served by 7.0.15`: what was asked for, and what runs. */
const engineText = ({ engineVersion, shards }: GroupReport): string => {
  const nodes = shards.flatMap((shard) => shard.nodes)
  const [first] = nodes
  if (first === undefined) return ''
  const runs = [...new Set(nodes.map(({ version }) => version))].join(' and ')
  const served = engineVersion === undefined || engineVersion === runs
  return served ? `${first.engine} ${runs}` : `${first.engine} ${engineVersion}, served by ${runs}`
}

const retiredNotice = ({ shards }: GroupReport): string | null =>
  shards
    .flatMap((shard) => shard.nodes)
    .map(({ engine, version }) => whyRetired(engine, version))
    .find((why) => why !== null) ?? null

const groupLines = (group: GroupReport, widths: readonly number[], paint: Paint): readonly string[] => {
  const engine = engineText(group)
  const heading = `${paint('bold', group.id)}  ${paint(statusStyle(group.status), group.status)}  ${engine}, ${kindText[group.kind]}, ${group.nodeType}, ${group.region}${group.security === null ? '' : `, ${group.security}`}`
  const endpoints = endpointLines(group)
  const lines = [heading]
  const old = retiredNotice(group)
  if (old !== null) lines.push(`│  ${paint('yellow', old)}`)
  if (group.reason !== null) lines.push(`│  ${paint('red', group.reason)}`)
  const unmet = group.withoutEffect ?? []
  if (unmet.length > 0) lines.push(`│  ${paint('yellow', `without effect yet: ${unmet.join(', ')}`)}`)
  if (endpoints.length > 0) lines.push(`│  ${paint('cyan', endpoints.join('   '))}`)
  const showShards = group.kind === 'cme'
  const rows = group.shards.flatMap(
    (shard): readonly { readonly shard: ShardReport | null; readonly node: NodeReport | null }[] => [
      ...(showShards ? [{ shard, node: null }] : []),
      ...shard.nodes.map((each) => ({ shard: null, node: each })),
    ],
  )
  for (const [index, row] of rows.entries()) {
    const lastAtTop = showShards ? !rows.slice(index + 1).some((later) => later.shard !== null) : index === rows.length - 1
    if (row.shard !== null)
      lines.push(`${lastAtTop ? '└─' : '├─'} shard ${row.shard.id}  ${paint('dim', `slots ${slotsText(row.shard)}`)}`)
    if (row.node === null) continue
    const lastInShard = rows[index + 1]?.node == null
    const stem = showShards ? `${lastAtTop ? '   ' : '│  '}${lastInShard ? '└─' : '├─'} ` : `${lastAtTop ? '└─' : '├─'} `
    lines.push(`${stem}${nodeLine(row.node, widths, paint)}`)
  }
  return lines
}

/** `colour: false` for pipes and files. */
export const statusText = (report: Report, options: { readonly colour: boolean }): string => {
  if (report.groups.length === 0)
    return 'No groups yet. Create one with the AWS command line: larder aws elasticache create-cache-cluster help\n'
  const paint: Paint = (style, text) => (options.colour ? styleText(style, text, { validateStream: false }) : text)
  const widths = widthsOf(report.groups.flatMap((group) => group.shards.flatMap((shard) => shard.nodes.map(columns))))
  const atRest = report.atRest === undefined ? '' : `\n${report.atRest}.\n`
  return `${report.groups.map((group) => groupLines(group, widths, paint).join('\n')).join('\n\n')}\n${atRest}`
}
