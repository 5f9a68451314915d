import type { Tag } from '../../../model/group.ts'
import { iamUserArn } from '../../../model/iam.ts'
import { refuseAmbiguous } from '../../protocols/query/form.ts'
import { queryProtocol } from '../../protocols/query/protocol.ts'
import type { About, Asking, Parameters, Service } from '../../service.ts'
import { answerIam, iamError, iamNamespace, iamVersion } from './answer.ts'
import { readUser } from './context.ts'
import { isName, longestUserName } from './input.ts'

const about = async ({ caller, action, input, context }: Asking<Parameters>): Promise<About> => {
  const userArn = (path: string, name: string): string => iamUserArn(caller.account, { path, name })
  const tags: Tag[] = []
  for (let n = 1; input.has(`Tags.member.${n}.Key`); n += 1)
    tags.push({ key: input.get(`Tags.member.${n}.Key`) ?? '', value: input.get(`Tags.member.${n}.Value`) ?? '' })
  const asked = (arn: string): About => ({
    resources: [arn],
    tags,
    tagKeys: tags.map(({ key }) => key),
    taggedBy: action === 'CreateUser' ? ['iam:TagUser'] : [],
  })
  if (action === 'ListAccountAliases') return asked('*')
  if (action === 'ListUsers') return asked(userArn(input.get('PathPrefix') ?? '/', ''))
  const name = input.get('UserName') ?? caller.user?.name ?? '*'
  if (action === 'CreateUser') return asked(userArn(input.get('Path') ?? '/', name))
  const user = isName(name, longestUserName) ? (await readUser(context, name))?.value : undefined
  return asked(user === undefined ? userArn('/', name) : iamUserArn(caller.account, user))
}

export const iam: Service = {
  name: 'iam',
  policyName: 'iam',
  version: iamVersion,
  protocol: queryProtocol(iamNamespace),
  wireError: iamError,
  prepare: ({ sealer }, asking) => {
    const { action, input, caller, context, requestId } = asking
    refuseAmbiguous(input)
    return {
      about: () => about(asking),
      answer: () => answerIam(action, input, { ...context, caller, sealer }, requestId),
    }
  },
}
