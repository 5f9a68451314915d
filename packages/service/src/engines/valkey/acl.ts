/**
 * Users of a node. Clients are the user `default`, or those of a user group; Larder has a user for control and one for replication.
 * What AWS blocks is blocked here: source, its page on restricted commands.
 */
import { createHash } from 'node:crypto'
import { channelsByName, parseAccessString, wordsFor } from '../../model/access-string.ts'
import { subcommandsOf } from '../../model/commands.ts'
import { type ClientAccess, type ClientUser, defaultUserName, openAccess } from '../../model/users.ts'
import type { InstalledEngine } from '../../ports/catalog.ts'
import type { ControlSecrets } from '../../ports/engine.ts'
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

const clusterReads = (engine: AclEngine): readonly string[] =>
  Object.entries(readingClusterCommands).flatMap(([name, since]) => (isSince(since, engine) ? [name] : []))

/**
 * Words after which a user may do nothing that clients may not, whatever stood before them: the engine reads from left to right. Those who were
 * given a command with all of its subcommands keep the ones that are open to clients.
 */
const closing = (engine: AclEngine, clusterMode: boolean): readonly string[] => {
  const closed = (name: string, open: readonly string[]): readonly string[] =>
    subcommandsOf(name, engine.engine, engine.version)
      .filter((each) => !open.includes(each))
      .map((each) => `-${name}|${each}`)
  return [
    ...closedCommands.map((name) => `-${name}`),
    ...closed('acl', readingAclCommands),
    ...(clusterMode ? closed('cluster', clusterReads(engine)) : []),
  ]
}

const proofWords = ({ authentication, passwords }: ClientUser): readonly string[] => {
  if (authentication === 'no-password-required') return ['nopass']
  // Who logs in by IAM has no password: none fits.
  return authentication === 'iam' ? [] : passwords.map((hash) => `#${hash}`)
}

/** Everything about a user, as words that follow `reset`. */
export const userWords = (user: ClientUser, engine: AclEngine, clusterMode: boolean): readonly string[] => {
  const { root, selectors } = parseAccessString(user.accessString)
  const cut = (words: readonly string[]): readonly string[] => [
    ...wordsFor(channelsByName(words), engine.engine, engine.version),
    ...closing(engine, clusterMode),
  ]
  return [...cut(root), ...selectors.map((words) => `(${cut(words).join(' ')})`), ...proofWords(user)]
}

/** Commands that bring a running engine from any users to these. In this order nobody who may come in is ever refused. */
export const accessCommands = (
  access: ClientAccess,
  present: readonly string[],
  engine: AclEngine,
  clusterMode: boolean,
): readonly (readonly string[])[] => {
  const names = new Set([controlUser, replicationUser, defaultUserName, ...access.users.map(({ name }) => name)])
  const leaving = present.filter((name) => !names.has(name))
  return [
    ...access.users.map((user) => ['ACL', 'SETUSER', user.name, 'reset', ...userWords(user, engine, clusterMode)]),
    ...(access.users.some(({ name }) => name === defaultUserName) ? [] : [['ACL', 'SETUSER', defaultUserName, 'reset', 'off']]),
    ...(leaving.length === 0 ? [] : [['ACL', 'DELUSER', ...leaving]]),
  ]
}

/** Lines of the configuration file, word by word. Passwords stand there only as SHA-256. */
export const userLines = (
  secrets: ControlSecrets,
  engine: AclEngine,
  clusterMode: boolean,
  access: ClientAccess = openAccess,
): readonly (readonly string[])[] => [
  ...access.users.map((user) => ['user', user.name, ...userWords(user, engine, clusterMode).flatMap((word) => word.split(' '))]),
  ...(access.users.some(({ name }) => name === defaultUserName) ? [] : [['user', defaultUserName, 'off']]),
  ['user', controlUser, 'on', `#${hash(secrets.control)}`, '~*', '&*', '+@all'],
  [
    'user',
    replicationUser,
    'on',
    `#${hash(secrets.replication)}`,
    'resetchannels',
    'resetkeys',
    '-@all',
    '+psync',
    '+replconf',
    '+ping',
    '+sync',
  ],
]
