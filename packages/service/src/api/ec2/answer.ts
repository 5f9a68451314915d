/** The part of EC2 that caches need: security groups, and the network of a region. Its own XML form (wire.ts). */
import { Fault } from '../../errors.ts'
import type { ActionContext } from '../action.ts'
import { ec2Namespace } from '../versions.ts'
import { createSecurityGroup, deleteSecurityGroup, describeSecurityGroups, type Ec2Operation } from './groups.ts'
import { describeSubnets, describeVpcs } from './network.ts'
import {
  authorizeSecurityGroupEgress,
  authorizeSecurityGroupIngress,
  describeSecurityGroupRules,
  revokeSecurityGroupEgress,
  revokeSecurityGroupIngress,
} from './rules.ts'
import { createTags, deleteTags } from './tags.ts'
import type { Parameters } from './wire.ts'

const operations: ReadonlyMap<string, Ec2Operation> = new Map([
  ['CreateSecurityGroup', createSecurityGroup],
  ['DeleteSecurityGroup', deleteSecurityGroup],
  ['DescribeSecurityGroups', describeSecurityGroups],
  ['AuthorizeSecurityGroupIngress', authorizeSecurityGroupIngress],
  ['AuthorizeSecurityGroupEgress', authorizeSecurityGroupEgress],
  ['RevokeSecurityGroupIngress', revokeSecurityGroupIngress],
  ['RevokeSecurityGroupEgress', revokeSecurityGroupEgress],
  ['DescribeSecurityGroupRules', describeSecurityGroupRules],
  ['CreateTags', createTags],
  ['DeleteTags', deleteTags],
  ['DescribeSubnets', describeSubnets],
  ['DescribeVpcs', describeVpcs],
])

/** Throws `InvalidAction` for every other operation, and EC2's faults (wire.ts). */
export const answerEc2 = async (
  name: string,
  parameters: Parameters,
  context: ActionContext,
  requestId: string,
): Promise<string> => {
  const operation = operations.get(name)
  if (operation === undefined) {
    const known = [...operations.keys()].join(', ')
    throw new Fault(
      'InvalidAction',
      `The action ${name.slice(0, 100)} is not valid for this web service; of EC2, Larder has ${known}.`,
    )
  }
  const result = await operation(parameters, context)
  return `<${name}Response xmlns="${ec2Namespace}"><requestId>${requestId}</requestId>${result}</${name}Response>`
}
