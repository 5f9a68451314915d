/** Who may log in to a node, in the files that it reads. Pure. */
import { createHmac } from 'node:crypto'
import { protocolOf } from '../../model/memcached.ts'
import { accessDigest, type ClientAccess, defaultUserName } from '../../model/users.ts'
import type { AccessPlan, NodeFiles } from '../../ports/engine.ts'
import { type SaslUser, sasldb } from './sasldb.ts'

export interface Login {
  readonly user: string
  readonly password: string
}

/** In the node's folder, in which it runs. */
export const accessNames = { ascii: 'tokens', sasl: 'sasldb', saslSettings: 'memcached.conf' } as const

/** Of this node alone: what is said to one opens no other. */
export const controlLogin = ({ secrets, address }: Pick<AccessPlan, 'secrets' | 'address'>): Login => ({
  user: 'larder',
  password: createHmac('sha256', secrets.control).update(`control of memcached at ${address}`).digest('hex'),
})

/** Lets somebody in who knows which tokens are valid: when it does, the engine has read its file anew. Opens nothing without the control password. */
export const markLogin = (plan: Pick<AccessPlan, 'secrets' | 'address'>, access: ClientAccess): Login => ({
  user: `larder-${accessDigest(access).slice(0, 32)}`,
  password: controlLogin(plan).password,
})

/**
 * Lines of `user:password`. The engine reads them anew while it looks at those of before, without a lock, and goes through them from the top: so
 * their number is always the same, and whoever is valid before and after stands in the second place or in the first and third. What
 * it has just let go of loses its first bytes, so a name that nobody waits for comes first.
 */
const asciiFile = (plan: AccessPlan): string => {
  const { tokens } = plan
  const [oldest = '', newest = oldest] = tokens
  const clients = [oldest, newest, oldest].map((password) => ({ user: defaultUserName, password }))
  return [markLogin(plan, plan.access), controlLogin(plan), ...clients]
    .map(({ user, password }) => `${user}:${password}\n`)
    .join('')
}

const saslUsers = (plan: AccessPlan): readonly SaslUser[] => {
  const control = controlLogin(plan)
  return [
    { name: control.user, passwords: [control.password] },
    { name: defaultUserName, passwords: plan.tokens },
  ]
}

/** All that changes with the tokens. */
export const accessFiles = (plan: AccessPlan): NodeFiles =>
  protocolOf(plan.parameters) === 'ascii'
    ? { [accessNames.ascii]: asciiFile(plan) }
    : { [accessNames.sasl]: sasldb(saslUsers(plan), plan.machineName) }

/** The SASL library's settings for its program `memcached`. PLAIN alone: the others want passwords that can be read. */
export const saslSettings = (folder: string): string =>
  [
    'pwcheck_method: auxprop',
    'auxprop_plugin: sasldb',
    `sasldb_path: ${folder}/${accessNames.sasl}`,
    'mech_list: plain',
    'log_level: 0',
    '',
  ].join('\n')
