/** GetCallerIdentity of STS: the AWS command line and Terraform ask it who they are. */
import { Fault } from '../../../errors.ts'
import type { Caller } from '../../../security/sigv4.ts'
import { escapeXml } from '../../protocols/query/xml.ts'

export const stsNamespace = 'https://sts.amazonaws.com/doc/2011-06-15/'
export const stsVersion = '2011-06-15'

/** Throws `InvalidAction` for every other operation. */
export const answerSts = (action: string, caller: Caller, requestId: string): string => {
  if (action !== 'GetCallerIdentity') {
    const found = `Could not find operation ${action.slice(0, 100)} for version ${stsVersion}`
    throw new Fault('InvalidAction', `${found}: of STS, Larder has GetCallerIdentity only.`)
  }
  const result = `<Arn>${escapeXml(caller.arn)}</Arn><UserId>${escapeXml(caller.userId)}</UserId><Account>${caller.account}</Account>`
  return `<GetCallerIdentityResponse xmlns="${stsNamespace}"><GetCallerIdentityResult>${result}</GetCallerIdentityResult><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></GetCallerIdentityResponse>`
}
