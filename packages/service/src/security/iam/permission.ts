/** Whether a caller whose signature is right may do something to one resource: what the request says of itself, and the policies of its user. */
import { isIPv4 } from 'node:net'
import { Fault, LarderError } from '../../errors.ts'
import type { Tag } from '../../model/group.ts'
import type { IamPolicy } from '../../model/iam.ts'
import type { Caller } from '../sigv4.ts'
import { type Decision, evaluate } from './evaluate.ts'
import type { RequestContext } from './pattern.ts'
import { type Policy, readPolicy } from './policy.ts'

export interface Circumstances {
  readonly caller: Caller
  /** As the socket has it; null: not known. */
  readonly sourceAddress: string | null
  readonly userAgent: string | null
  readonly isSecure: boolean
  readonly requestTags: readonly Tag[]
  readonly tagKeys: readonly string[]
  readonly resourceTags: readonly Tag[]
  /** Milliseconds since 1970. */
  readonly now: number
}

/** `::ffff:10.0.0.1` is 10.0.0.1, and `fe80::1%eth0` is fe80::1. */
const plainAddress = (address: string): string => {
  const mapped = /^::ffff:(.+)$/i.exec(address)?.[1]
  return mapped !== undefined && isIPv4(mapped) ? mapped : address.replace(/%.*$/, '')
}

/** Keys of tags do not differ by case in conditions; a key that is there twice so says nothing, as on AWS. */
const tagEntries = (prefix: string, tags: readonly Tag[]): readonly (readonly [string, readonly string[]])[] => {
  const groups = Map.groupBy(tags, ({ key }) => `${prefix}${key.toLowerCase()}`)
  return [...groups].flatMap(([name, same]) => (same.length === 1 ? [[name, same.map(({ value }) => value)] as const] : []))
}

export const contextOf = (circumstances: Circumstances): RequestContext => {
  const { caller, sourceAddress, userAgent, isSecure, requestTags, tagKeys, resourceTags, now } = circumstances
  const known: readonly (readonly [string, string | null | undefined])[] = [
    ['aws:currenttime', new Date(now).toISOString()],
    ['aws:epochtime', String(Math.floor(now / 1000))],
    ['aws:principalaccount', caller.account],
    ['aws:principalarn', caller.arn],
    ['aws:principalisawsservice', 'false'],
    ['aws:principaltype', 'User'],
    ['aws:requestedregion', caller.region],
    ['aws:resourceaccount', caller.account],
    ['aws:securetransport', String(isSecure)],
    ['aws:sourceip', sourceAddress === null ? null : plainAddress(sourceAddress)],
    ['aws:useragent', userAgent],
    ['aws:userid', caller.userId],
    ['aws:username', caller.user?.name],
    ['aws:viaawsservice', 'false'],
  ]
  return new Map<string, readonly string[]>([
    ...known.flatMap(([key, value]) => (value === null || value === undefined ? [] : [[key, [value]] as const])),
    ...(tagKeys.length === 0 ? [] : [['aws:tagkeys', tagKeys] as const]),
    ...tagEntries('aws:principaltag/', caller.user?.tags ?? []),
    ...tagEntries('aws:requesttag/', requestTags),
    ...tagEntries('aws:resourcetag/', resourceTags),
  ])
}

/** The record of a user stays the same object while it is not changed. */
const read = new WeakMap<IamPolicy, Policy>()

const policyOf = (stored: IamPolicy): Policy => {
  const present = read.get(stored)
  if (present !== undefined) return present
  try {
    const made = readPolicy(stored.document)
    read.set(stored, made)
    return made
  } catch (error) {
    throw new LarderError('store-corrupt', `expected the stored policy ${stored.name} to be one`, { cause: error })
  }
}

const refusal = (caller: Caller, action: string, resource: string, decision: Decision): Fault => {
  const why =
    decision === 'explicit-deny'
      ? 'with an explicit deny in an identity-based policy'
      : `because no identity-based policy allows the ${action} action`
  return new Fault('AccessDenied', `User: ${caller.arn} is not authorized to perform: ${action} on resource: ${resource} ${why}`)
}

/** The root of the account may do everything. Throws `AccessDenied`. */
export const checkPermission = (caller: Caller, action: string, resource: string, context: RequestContext): void => {
  if (caller.user === undefined) return
  const decision = evaluate(caller.user.policies.map(policyOf), { action, resource, context })
  if (decision !== 'allow') throw refusal(caller, action, resource, decision)
}
