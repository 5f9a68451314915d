/** May a client log in to a node as a user whose authentication mode is `iam`? */
import { Fault } from '../../errors.ts'
import type { GroupSpec, Tag } from '../../model/group.ts'
import { clusterKey, specKey } from '../../model/keys.ts'
import type { ClusterIndex } from '../../model/records.ts'
import { type UserRecord, userKey } from '../../model/users.ts'
import type { LoginQuestion } from '../../ports/logins.ts'
import { readRecord } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'
import type { Caller, Verifier } from '../sigv4.ts'
import { checkPermission, contextOf } from './permission.ts'
import { verifyToken } from './token.ts'

export interface LoginContext {
  readonly store: Store
  readonly account: string
  readonly verifier: Verifier
}

/** What is found out on the way, also where the login is refused in the end. */
export interface LoginTrail {
  region: string | null
  /** ARNs of the cache and of the user. */
  resources: readonly string[]
  /** Set once the signature is right. */
  caller: Caller | null
}

export const connectAction = 'elasticache:Connect'

const refused = (message: string): Fault => new Fault('AccessDenied', message)

const groupOf = async (store: Store, region: string, node: string): Promise<GroupSpec | null> => {
  const index = await readRecord<ClusterIndex>(store, clusterKey(region, node))
  if (index === null) return null
  const { space, id } = index.value
  return (await readRecord<GroupSpec>(store, specKey({ region, space, id })))?.value ?? null
}

/** Throws a `Fault` that says why not. It is for the log: the client is told nothing but WRONGPASS. */
export const decideLogin = async (question: LoginQuestion, context: LoginContext, trail: LoginTrail): Promise<void> => {
  const { store, account, verifier } = context
  const [region = '', node = ''] = question.scope.split('/')
  trail.region = region
  const group = await groupOf(store, region, node)
  if (group === null) throw refused(`The node ${node.slice(0, 60)} belongs to no group.`)
  const user = group.userGroup?.users.find(({ name }) => name === question.user)
  if (user?.authentication !== 'iam') throw refused(`${group.id} has no user of this name with authentication mode iam.`)
  // Such users have their name for their id.
  const arn = (type: string, id: string): string => `arn:aws:elasticache:${region}:${account}:${type}:${id}`
  const tagsOfUser = (await readRecord<UserRecord>(store, userKey(region, user.name)))?.value.tags ?? []
  const asked: readonly (readonly [resource: string, tags: readonly Tag[]])[] = [
    [arn('replicationgroup', group.id), group.tags],
    [arn('user', user.name), tagsOfUser],
  ]
  trail.resources = asked.map(([resource]) => resource)
  const caller = await verifyToken(question.token, { cacheName: group.id, user: user.name, region }, verifier)
  trail.caller = caller
  const circumstances = {
    caller,
    sourceAddress: question.sourceAddress === '' ? null : question.sourceAddress,
    userAgent: null,
    isSecure: true,
    requestTags: [],
    tagKeys: [],
    now: verifier.now(),
  }
  for (const [resource, resourceTags] of asked)
    checkPermission(caller, connectAction, resource, contextOf({ ...circumstances, resourceTags }))
}
