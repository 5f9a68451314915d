/** The configuration of a Valkey or Redis OSS node, and how it is started. Pure. */
import { LarderError } from '../../errors.ts'
import { compareVersions, engineCapabilities } from '../../model/engine-versions.ts'
import type { ClusterPlan, NodePlan, Rendered } from '../../ports/engine.ts'
import { replicationUser, userLines } from './acl.ts'
import { directivesOf } from './parameters.ts'

const configFile = 'node.conf'
const busOffset = 10_000

/** A value can hold no line break: it would be a directive of its own. */
const quote = (value: string): string => {
  if (/[\r\n\0]/.test(value))
    throw new LarderError('engine-start', `expected a value on one line for the configuration, found ${JSON.stringify(value)}`)
  return /^[A-Za-z0-9_./:@%*&+~#|-]+$/.test(value) ? value : `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

/** Lists of words go in as words; everything else is one quoted value. */
const line = (name: string, value: string): string =>
  name === 'client-output-buffer-limit' ? `${name} ${value}` : `${name} ${quote(value)}`

/** The bus listens 10,000 above the port, where that is a port at all. */
export const busPort = (port: number): number => (port + busOffset <= 65_535 ? port + busOffset : port - busOffset)

/** nodes.conf of a node in a new cluster. Source: the format that `clusterGenNodesDescription` writes. */
export const renderClusterNodes = (plan: ClusterPlan): string => {
  const epochOf = (id: string | null): number => plan.members.find((member) => member.id === id)?.configEpoch ?? 0
  const lines = plan.members.map((member) => {
    const flags = `${member.id === plan.myId ? 'myself,' : ''}${member.primaryId === null ? 'master' : 'slave'}`
    const epoch = member.primaryId === null ? member.configEpoch : epochOf(member.primaryId)
    const slots = member.slots.map(([first, last]) => (first === last ? ` ${first}` : ` ${first}-${last}`)).join('')
    const address = `${member.address}:${member.port}@${busPort(member.port)}`
    return `${member.id} ${address} ${flags} ${member.primaryId ?? '-'} 0 0 ${epoch} connected${slots}`
  })
  const current = Math.max(0, ...plan.members.map((member) => member.configEpoch))
  return `${[...lines, `vars currentEpoch ${current} lastVoteEpoch 0`].join('\n')}\n`
}

const clusterLines = (plan: NodePlan): readonly string[] =>
  plan.kind !== 'cme'
    ? []
    : [
        'cluster-enabled yes',
        'cluster-config-file nodes.conf',
        'cluster-node-timeout 5000',
        `cluster-port ${busPort(plan.port)}`,
        `cluster-announce-ip ${plan.address}`,
        `cluster-announce-port ${plan.port}`,
        `cluster-announce-bus-port ${busPort(plan.port)}`,
        // Larder decides who is primary, and keeps replicas in their shards.
        'cluster-replica-no-failover yes',
        'cluster-allow-replica-migration no',
      ]

const capabilityLines = (plan: NodePlan): readonly string[] => {
  const can = engineCapabilities(plan.engine.engine, plan.engine.version)
  return [
    ...(can.processTitle ? ['proc-title-template "{title} {listen-addr} {server-mode} {config-file}"'] : ['set-proc-title no']),
    ...(can.availabilityZone ? [line('availability-zone', plan.zone)] : []),
    ...(can.dualChannelReplication ? ['dual-channel-replication-enabled yes'] : []),
  ]
}

const parameterLines = (plan: NodePlan): readonly string[] => {
  const directives = { ...directivesOf(plan.parameters) }
  if (plan.kind === 'cme') directives['databases'] = plan.parameters['cluster-databases'] ?? '1'
  else for (const name of Object.keys(directives)) if (name.startsWith('cluster-')) delete directives[name]
  return Object.entries(directives).map(([name, value]) => line(name, value))
}

export const render = (plan: NodePlan): Rendered => {
  const { engine, folder } = plan
  const slotMigration = engine.engine === 'valkey' && compareVersions(engine.version, '9.0') >= 0
  const lines = [
    `bind ${[plan.address, ...plan.floating].join(' ')}`,
    `port ${plan.port}`,
    `bind-source-addr ${plan.address}`,
    line('unixsocket', plan.socket),
    'unixsocketperm 700',
    line('dir', folder),
    'dbfilename dump.rdb',
    'save ""',
    'daemonize no',
    'logfile ""',
    'always-show-logo no',
    'protected-mode no',
    'enable-debug-command no',
    'enable-module-command no',
    'enable-protected-configs no',
    'tcp-backlog 511',
    'shutdown-timeout 5',
    `replica-announce-ip ${plan.address}`,
    `replica-announce-port ${plan.port}`,
    'repl-diskless-sync yes',
    'repl-diskless-sync-delay 0',
    // A copy that came by replication is no backup: after a crash it would bring back old values.
    'rdb-del-sync-files yes',
    `masteruser ${replicationUser}`,
    line('masterauth', plan.secrets.replication),
    ...(plan.replicaOf === null || plan.kind === 'cme' ? [] : [`replicaof ${plan.replicaOf.address} ${plan.replicaOf.port}`]),
    ...clusterLines(plan),
    ...capabilityLines(plan),
    ...(plan.ioThreads > 1 ? [`io-threads ${plan.ioThreads}`] : []),
    ...parameterLines(plan),
    `maxmemory ${plan.maxMemoryBytes}`,
    ...userLines(plan.secrets, { clusterMode: plan.kind === 'cme', slotMigration }),
  ]
  const path = `${folder}/${configFile}`
  return {
    files: {
      [configFile]: `${lines.join('\n')}\n`,
      ...(plan.cluster === undefined ? {} : { 'nodes.conf': renderClusterNodes(plan.cluster) }),
    },
    launch: { command: [...engine.command, path], environment: {}, cwd: folder, logFile: `${folder}/engine.log`, tag: path },
  }
}
