/** Whether a caller whose signature is right may make this call, on everything that the call is about. */
import type { Tag } from '../../model/group.ts'
import { iamUserArn } from '../../model/iam.ts'
import {
  defaultSecurityGroupId,
  defaultSecurityGroupName,
  type SecurityGroupName,
  securityGroupNameKey,
} from '../../model/security-groups.ts'
import { readRecord } from '../../ports/records.ts'
import { checkPermission, contextOf } from '../../security/iam/permission.ts'
import type { Caller } from '../../security/sigv4.ts'
import type { ActionContext } from '../action.ts'
import { namedIn } from '../ec2/named.ts'
import { arnOf } from '../ec2/resources.ts'
import { structuresOf } from '../ec2/wire.ts'
import { decodeInput } from '../wire/decode.ts'
import { operations } from '../wire/schema.ts'
import { readUser } from './context.ts'
import { elastiCacheResources } from './elasticache-resources.ts'
import { isName, longestUserName, type Parameters } from './input.ts'
import { tagsOfResource } from './resource-tags.ts'

/** What is known of a call, for the audit log: it grows while the call is looked at. */
export interface Trail {
  action: string | null
  resources: readonly string[]
  decision: 'allowed' | 'denied' | 'unauthenticated' | 'undecided'
}

export interface Call {
  readonly caller: Caller
  /** Without the name of the service. */
  readonly action: string
  readonly parameters: Parameters
  /** As the socket has it; null: not known. */
  readonly sourceAddress: string | null
  readonly userAgent: string | null
}

interface Asked {
  readonly resources: readonly string[]
  readonly tags: readonly Tag[]
  readonly tagKeys: readonly string[]
}

type Read = Pick<ActionContext, 'store' | 'account' | 'clock'>

/** Tags in a decoded input: `[{ Key, Value }]`. */
const tagsIn = (value: unknown): readonly Tag[] =>
  (Array.isArray(value) ? (value as readonly unknown[]) : []).map((each) => {
    const { Key: key, Value: text } = each as { readonly Key?: unknown; readonly Value?: unknown }
    return { key: String(key ?? ''), value: String(text ?? '') }
  })

/** Of the input as the action will get it: what is authorised is what is done. */
const askedOfElastiCache = ({ caller, action, parameters }: Call): Asked => {
  const schema = operations.get(action)
  if (schema === undefined) return { resources: ['*'], tags: [], tagKeys: [] }
  const input = decodeInput(schema.input, parameters) as Readonly<Record<string, unknown>>
  const tags = tagsIn(input['Tags'])
  const removed = Array.isArray(input['TagKeys']) ? (input['TagKeys'] as readonly string[]) : []
  const resources = elastiCacheResources(action, input, caller.region, caller.account)
  return { resources, tags, tagKeys: [...tags.map(({ key }) => key), ...removed] }
}

const askedOfIam = async ({ caller, action, parameters }: Call, context: Read): Promise<Asked> => {
  const userArn = (path: string, name: string): string => iamUserArn(caller.account, { path, name })
  const tags: Tag[] = []
  for (let n = 1; parameters.has(`Tags.member.${n}.Key`); n += 1)
    tags.push({ key: parameters.get(`Tags.member.${n}.Key`) ?? '', value: parameters.get(`Tags.member.${n}.Value`) ?? '' })
  const asked = (arn: string): Asked => ({ resources: [arn], tags, tagKeys: tags.map(({ key }) => key) })
  if (action === 'ListAccountAliases') return asked('*')
  if (action === 'ListUsers') return asked(userArn(parameters.get('PathPrefix') ?? '/', ''))
  const name = parameters.get('UserName') ?? caller.user?.name ?? '*'
  if (action === 'CreateUser') return asked(userArn(parameters.get('Path') ?? '/', name))
  const user = isName(name, longestUserName) ? (await readUser(context, name))?.value : undefined
  return asked(user === undefined ? userArn('/', name) : iamUserArn(caller.account, user))
}

/** The id of a group that is named; `*` where there is none: the call will find none either. */
const idOfName = async (name: string, { store }: Read, region: string): Promise<string> => {
  if (name === defaultSecurityGroupName) return defaultSecurityGroupId(region)
  return (await readRecord<SecurityGroupName>(store, securityGroupNameKey(region, name)))?.value.id ?? '*'
}

/**
 * Security groups, by their ids also where the request names them: what a policy says of a group holds however it is called. Then everything else
 * that the request is about or makes. A question about no security group is about everything.
 */
const askedOfEc2 = async ({ caller, action, parameters }: Call, context: Read): Promise<Asked> => {
  const place = { ...context, region: caller.region, account: caller.account }
  const given = (pattern: RegExp): readonly string[] =>
    [...parameters].flatMap(([name, value]) => (pattern.test(name) && value !== '' ? [value] : []))
  const names = action === 'CreateSecurityGroup' ? [] : given(/^GroupName(\.\d+)?$/)
  const ids = [
    ...given(/^GroupId(\.\d+)?$/),
    ...given(/^ResourceId\.\d+$/).filter((id) => id.startsWith('sg-')),
    ...(await Promise.all(names.map((name) => idOfName(name, context, caller.region)))),
  ]
  // With something new, or for what is there (CreateTags, DeleteTags).
  const tags = [parameters, ...structuresOf(parameters, 'TagSpecification')]
    .flatMap((each) => structuresOf(each, 'Tag'))
    .map((tag) => ({ key: tag.get('Key') ?? '', value: tag.get('Value') ?? '' }))
  const others = await namedIn(place, action, parameters)
  const found = [...ids.map((id) => arnOf(place, 'security-group', id)), ...others.map(({ type, id }) => arnOf(place, type, id))]
  const every = /^(Delete|Authorize|Revoke)SecurityGroup/.test(action) ? arnOf(place, 'security-group', '*') : '*'
  return { resources: found.length > 0 ? found : [every], tags, tagKeys: tags.map(({ key }) => key) }
}

/** The permission that tags need which come with something new. */
const taggingOf = (action: string): readonly string[] => {
  if (action.startsWith('elasticache:Create')) return ['elasticache:AddTagsToResource']
  if (action === 'iam:CreateUser') return ['iam:TagUser']
  return action.startsWith('ec2:') ? ['ec2:CreateTags'] : []
}

const askedOf = async (call: Call, context: Read): Promise<Asked> => {
  if (call.caller.service === 'elasticache') return askedOfElastiCache(call)
  if (call.caller.service === 'ec2') return askedOfEc2(call, context)
  if (call.caller.service === 'iam') return askedOfIam(call, context)
  return { resources: ['*'], tags: [], tagKeys: [] }
}

/** Throws `AccessDenied` for the first resource on which the call is not allowed, and the faults of an input that cannot be read. */
export const authorise = async (call: Call, context: Read, trail: Trail): Promise<void> => {
  const { caller } = call
  const action = `${caller.service}:${call.action}`
  trail.action = action
  trail.decision = 'undecided'
  const asked = await askedOf(call, context)
  trail.resources = asked.resources
  // As on AWS everybody may ask who he is.
  if (caller.user !== undefined && action !== 'sts:GetCallerIdentity') {
    const tagging = asked.tags.length > 0 ? taggingOf(action) : []
    for (const resource of asked.resources) {
      const known = contextOf({
        caller,
        sourceAddress: call.sourceAddress,
        userAgent: call.userAgent,
        isSecure: false,
        requestTags: asked.tags,
        tagKeys: asked.tagKeys,
        resourceTags: await tagsOfResource(context, resource),
        now: context.clock.now(),
      })
      const checked = [action, ...(resource === asked.resources[0] ? tagging : [])]
      trail.decision = 'denied'
      for (const each of checked) checkPermission(caller, each, resource, known)
      trail.decision = 'undecided'
    }
  }
  trail.decision = 'allowed'
}
