import {
  defaultSecurityGroupId,
  defaultSecurityGroupName,
  type SecurityGroupName,
  securityGroupNameKey,
} from '../../../model/security-groups.ts'
import { readRecord } from '../../../ports/records.ts'
import type { ActionContext } from '../../action.ts'
import { ec2Error, encodeEc2Error, structuresOf } from '../../protocols/ec2.ts'
import { refuseAmbiguous } from '../../protocols/query/form.ts'
import { queryProtocol } from '../../protocols/query/protocol.ts'
import type { About, Asking, Parameters, Service } from '../../service.ts'
import { ec2Namespace, ec2Version } from '../../versions.ts'
import { answerEc2 } from './answer.ts'
import { namedIn } from './named.ts'
import { arnOf } from './resources.ts'

/** The id of a group that is named; `*` where there is none: the call will find none either. */
const idOfName = async (name: string, { store }: Pick<ActionContext, 'store'>, region: string): Promise<string> => {
  if (name === defaultSecurityGroupName) return defaultSecurityGroupId(region)
  return (await readRecord<SecurityGroupName>(store, securityGroupNameKey(region, name)))?.value.id ?? '*'
}

/**
 * Security groups, by their ids also where the request names them: what a policy says of a group holds however it is called. Then everything else
 * that the request is about or makes. A question about no security group is about everything.
 */
const about = async ({
  caller,
  action,
  input,
  context,
}: Pick<Asking<Parameters>, 'caller' | 'action' | 'input' | 'context'>): Promise<About> => {
  const place = { ...context, region: caller.region, account: caller.account }
  const given = (pattern: RegExp): readonly string[] =>
    [...input].flatMap(([name, value]) => (pattern.test(name) && value !== '' ? [value] : []))
  const names = action === 'CreateSecurityGroup' ? [] : given(/^GroupName(\.\d+)?$/)
  const ids = [
    ...given(/^GroupId(\.\d+)?$/),
    ...given(/^ResourceId\.\d+$/).filter((id) => id.startsWith('sg-')),
    ...(await Promise.all(names.map((name) => idOfName(name, context, caller.region)))),
  ]
  // With something new, or for what is there (CreateTags, DeleteTags).
  const tags = [input, ...structuresOf(input, 'TagSpecification')]
    .flatMap((each) => structuresOf(each, 'Tag'))
    .map((tag) => ({ key: tag.get('Key') ?? '', value: tag.get('Value') ?? '' }))
  const others = await namedIn(place, action, input)
  const found = [...ids.map((id) => arnOf(place, 'security-group', id)), ...others.map(({ type, id }) => arnOf(place, type, id))]
  const every = /^(Delete|Authorize|Revoke)SecurityGroup/.test(action) ? arnOf(place, 'security-group', '*') : '*'
  return {
    resources: found.length > 0 ? found : [every],
    tags,
    tagKeys: tags.map(({ key }) => key),
    taggedBy: ['ec2:CreateTags'],
  }
}

export const ec2: Service = {
  name: 'ec2',
  policyName: 'ec2',
  version: ec2Version,
  protocol: queryProtocol(ec2Namespace, encodeEc2Error),
  wireError: ec2Error,
  prepare: (_dependencies, asking) => {
    const { action, input, context, requestId } = asking
    refuseAmbiguous(input)
    return { about: () => about(asking), answer: () => answerEc2(action, input, context, requestId) }
  },
}
