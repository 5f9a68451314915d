/**
 * Users of a node. Clients are the user `default`; Larder has a user for control and one for replication.
 * What AWS blocks is blocked here: source, its page on restricted commands.
 */
import { createHash } from 'node:crypto'
import type { InstalledEngine } from '../../ports/catalog.ts'
import type { ClientAccess, ControlSecrets } from '../../ports/engine.ts'
import { isSince, readingClusterCommands } from './features.ts'

export const controlUser = 'larder'
export const replicationUser = 'larder-replication'

/** Closed to clients of every kind. */
export const closedCommands = [
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
  // A session in its mode SYNC stops the node for everybody for as long as its client likes.
  'script|debug',
  'shutdown',
  'slaveof',
  'sync',
] as const

/**
 * Clients may look at who there is, not change it. LIST, which AWS leaves open, shows the hash of every password in the engines that there
 * are: whoever has it guesses the passwords of others where nobody sees him.
 */
export const readingAclCommands = ['cat', 'help', 'users', 'whoami'] as const

const hash = (secret: string): string => createHash('sha256').update(secret).digest('hex')

type AclEngine = Pick<InstalledEngine, 'engine' | 'version'>

/** A command with all of its subcommands is taken away, then those are given back that may be used. */
const only = (command: string, subcommands: readonly string[]): readonly string[] => [
  `-${command}`,
  ...subcommands.map((name) => `+${command}|${name}`),
]

const clusterReads = (engine: AclEngine): readonly string[] =>
  Object.entries(readingClusterCommands).flatMap(([name, since]) => (isSince(since, engine) ? [name] : []))

/** What the user `default` is asked for, as words of ACL SETUSER. */
export const accessRules = (access: ClientAccess | null): readonly string[] =>
  access === null || access.optional ? ['nopass'] : access.tokens.map((token) => `#${token}`)

/** Rules of the user `default`. */
export const clientRules = (engine: AclEngine, clusterMode: boolean, access: ClientAccess | null = null): string =>
  [
    'on',
    ...accessRules(access),
    '~* &* +@all',
    ...closedCommands.map((name) => `-${name}`),
    ...only('acl', readingAclCommands),
    ...(clusterMode ? only('cluster', clusterReads(engine)) : []),
  ].join(' ')

/** Lines of the configuration file. Passwords stand there only as SHA-256. */
export const userLines = (
  secrets: ControlSecrets,
  engine: AclEngine,
  clusterMode: boolean,
  access: ClientAccess | null = null,
): readonly string[] => [
  `user default ${clientRules(engine, clusterMode, access)}`,
  `user ${controlUser} on #${hash(secrets.control)} ~* &* +@all`,
  `user ${replicationUser} on #${hash(secrets.replication)} resetchannels resetkeys -@all +psync +replconf +ping +sync`,
]
