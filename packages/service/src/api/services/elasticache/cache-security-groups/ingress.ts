/** AuthorizeCacheSecurityGroupIngress and RevokeCacheSecurityGroupIngress: in force at once, also for running clusters. */
import type {
  AuthorizeCacheSecurityGroupIngressMessage,
  AuthorizeCacheSecurityGroupIngressResult,
  RevokeCacheSecurityGroupIngressMessage,
  RevokeCacheSecurityGroupIngressResult,
} from '@aws-sdk/client-elasticache'
import { Fault, invalidValue } from '../../../../errors.ts'
import { put } from '../../../../ports/records.ts'
import type { Action, ActionContext } from '../../../action.ts'
import { requiredText } from '../../../required.ts'
import { untilWritten, write } from '../../../writing.ts'
import { type FoundGroup, groupById, groupByName } from '../../ec2/find.ts'
import { cacheSecurityGroupView, findCacheSecurityGroup } from './find.ts'

type Input = AuthorizeCacheSecurityGroupIngressMessage | RevokeCacheSecurityGroupIngressMessage

/** By name, or by id. Throws `InvalidParameterValueException` for one that is not there. */
const ec2Group = async (context: ActionContext, input: Input): Promise<FoundGroup> => {
  const name = requiredText('EC2SecurityGroupName', input.EC2SecurityGroupName)
  const owner = requiredText('EC2SecurityGroupOwnerId', input.EC2SecurityGroupOwnerId)
  const unknown = `EC2 security group ${name.slice(0, 100)} of ${owner.slice(0, 20)} does not exist.`
  if (owner !== context.account) throw invalidValue(unknown)
  try {
    return await (name.startsWith('sg-') ? groupById(context, name) : groupByName(context, name))
  } catch (error) {
    throw error instanceof Fault ? invalidValue(unknown) : error
  }
}

const change = (
  input: Input,
  context: ActionContext,
  changed: (allowed: readonly string[], ec2: FoundGroup['value']) => readonly string[],
) =>
  untilWritten(`cache security group ${input.CacheSecurityGroupName}`, async () => {
    const record = await findCacheSecurityGroup(context, input.CacheSecurityGroupName)
    const ec2 = await ec2Group(context, input)
    const group = { ...record.value, allowed: changed(record.value.allowed, ec2.value) }
    const condition = { key: record.key, revision: record.revision }
    if (!(await write(context, [condition, ec2.condition], [put(record.key, group)], []))) return null
    await context.enforced?.()
    return { CacheSecurityGroup: await cacheSecurityGroupView(context, group) }
  })

export const authorizeCacheSecurityGroupIngress: Action<
  AuthorizeCacheSecurityGroupIngressMessage,
  AuthorizeCacheSecurityGroupIngressResult
> = (input, context) =>
  change(input, context, (allowed, { id, name }) => {
    if (!allowed.includes(id)) return [...allowed, id]
    throw new Fault('AuthorizationAlreadyExistsFault', `The EC2 security group ${name} is already authorized.`)
  })

export const revokeCacheSecurityGroupIngress: Action<
  RevokeCacheSecurityGroupIngressMessage,
  RevokeCacheSecurityGroupIngressResult
> = (input, context) =>
  change(input, context, (allowed, { id, name }) => {
    if (allowed.includes(id)) return allowed.filter((each) => each !== id)
    throw new Fault('AuthorizationNotFoundFault', `The EC2 security group ${name} is not authorized.`)
  })
