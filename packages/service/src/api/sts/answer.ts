/** GetCallerIdentity of STS: the AWS command line and Terraform ask it who they are. */
import { Fault } from '../../errors.ts'
import type { Caller } from '../../security/sigv4.ts'
import { escapeXml } from '../wire/encode.ts'

export const stsNamespace = 'https://sts.amazonaws.com/doc/2011-06-15/'
export const stsVersion = '2011-06-15'

/** Throws `InvalidAction` for every other operation. */
export const answerSts = (action: string, caller: Caller, requestId: string): string => {
  if (action !== 'GetCallerIdentity')
    throw new Fault(
      'InvalidAction',
      `Could not find operation ${action.slice(0, 100)} for version ${stsVersion}: only GetCallerIdentity is there.`,
    )
  const result = `<Arn>${escapeXml(caller.arn)}</Arn><UserId>${escapeXml(caller.userId)}</UserId><Account>${caller.account}</Account>`
  return `<GetCallerIdentityResponse xmlns="${stsNamespace}"><GetCallerIdentityResult>${result}</GetCallerIdentityResult><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></GetCallerIdentityResponse>`
}
