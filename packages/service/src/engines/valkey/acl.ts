/**
 * Users of a node. Clients are the user `default`; Larder has a user for control and one for replication.
 * What AWS blocks is blocked here: source, its page on restricted commands.
 */
import { createHash } from 'node:crypto'
import type { ControlSecrets } from '../../ports/engine.ts'

export const controlUser = 'larder'
export const replicationUser = 'larder-replication'

/** Blocked for clients of every kind. */
const blocked = [
  'bgrewriteaof',
  'bgsave',
  'config',
  'debug',
  'failover',
  'migrate',
  'module',
  'pfdebug',
  'pfselftest',
  'psync',
  'replconf',
  'replicaof',
  'restore-asking',
  'save',
  'shutdown',
  'slaveof',
  'sync',
] as const

/** Clients may look at access rules, not change them. */
const blockedAcl = ['deluser', 'dryrun', 'genpass', 'getuser', 'load', 'log', 'save', 'setuser'] as const

const blockedCluster = [
  'addslots',
  'addslotsrange',
  'bumpepoch',
  'delslots',
  'delslotsrange',
  'failover',
  'flushslots',
  'forget',
  'meet',
  'replicate',
  'reset',
  'saveconfig',
  'set-config-epoch',
  'setslot',
] as const

/** Subcommands that only newer engines know; naming one that is unknown would be refused at the start. */
const blockedClusterSlotMigration = ['cancelslotmigrations', 'migrateslots'] as const

const hash = (secret: string): string => createHash('sha256').update(secret).digest('hex')

export interface AclOptions {
  readonly clusterMode: boolean
  readonly slotMigration: boolean
}

/** Rules of the user `default`. */
export const clientRules = ({ clusterMode, slotMigration }: AclOptions): string => {
  const denied = [
    ...blocked.map((name) => `-${name}`),
    ...blockedAcl.map((name) => `-acl|${name}`),
    ...(clusterMode ? blockedCluster.map((name) => `-cluster|${name}`) : []),
    ...(clusterMode && slotMigration ? blockedClusterSlotMigration.map((name) => `-cluster|${name}`) : []),
  ]
  return `on nopass ~* &* +@all ${denied.join(' ')}`
}

/** Lines of the configuration file. Secrets stand there only as SHA-256. */
export const userLines = (secrets: ControlSecrets, options: AclOptions): readonly string[] => [
  `user default ${clientRules(options)}`,
  `user ${controlUser} on #${hash(secrets.control)} ~* &* +@all`,
  `user ${replicationUser} on #${hash(secrets.replication)} resetchannels resetkeys -@all +psync +replconf +ping +sync`,
]
