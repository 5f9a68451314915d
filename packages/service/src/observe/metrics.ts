/** Text for Prometheus. Source: its exposition format, version 0.0.4. */
import type { NodeReport, Report } from './report.ts'

const label = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

interface Metric {
  readonly name: string
  readonly help: string
  readonly value: (node: NodeReport) => number | null
}

const metrics: readonly Metric[] = [
  { name: 'larder_node_up', help: 'Whether the process of the node runs.', value: (node) => (node.pid === null ? 0 : 1) },
  { name: 'larder_node_memory_bytes', help: 'Memory that the data of the node takes.', value: (node) => node.memoryBytes },
  { name: 'larder_node_max_memory_bytes', help: 'Memory that the node may take.', value: (node) => node.maxMemoryBytes },
  { name: 'larder_node_clients', help: 'Open client connections.', value: (node) => node.clients },
  { name: 'larder_node_clients_max', help: 'Client connections that the node takes.', value: (node) => node.maxClients },
  { name: 'larder_node_lag_bytes', help: 'Bytes that a replica is behind its primary.', value: (node) => node.lagBytes },
]

export const metricsText = (report: Report): string => {
  const rows = report.groups.flatMap((group) =>
    group.shards.flatMap((shard) =>
      shard.nodes.map((node) => ({
        node,
        labels: `region="${label(group.region)}",group="${label(group.id)}",shard="${shard.id}",node="${label(node.id)}",role="${node.role}",zone="${label(node.zone)}"`,
      })),
    ),
  )
  const lines = metrics.flatMap(({ name, help, value }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...rows.flatMap(({ node, labels }) => {
      const found = value(node)
      return found === null ? [] : [`${name}{${labels}} ${found}`]
    }),
  ])
  return `${lines.join('\n')}\n`
}
