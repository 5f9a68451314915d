/** EC2's operations, asked as its own tools ask them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { signRequest } from '../../packages/service/src/security/sigv4-sign.ts'
import type { TestService } from './service.ts'

/** The answer's text. Throws with code and message where it is refused. */
export const ec2 = async (
  service: TestService,
  action: string,
  input: Readonly<Record<string, string>>,
  region = 'us-east-1',
): Promise<string> => {
  const { accessKeyId, secretAccessKey } = JSON.parse(readFileSync(join(service.home, 'secrets.json'), 'utf8')) as {
    accessKeyId: string
    secretAccessKey: string
  }
  const body = new URLSearchParams({ Action: action, Version: '2016-11-15', ...input }).toString()
  const { host } = new URL(service.url())
  const headers = await signRequest(
    { method: 'POST', path: '/', headers: { host, 'content-type': 'application/x-www-form-urlencoded' }, body },
    { service: 'ec2', region, accessKeyId, secretAccessKey },
  )
  const response = await fetch(service.url(), { method: 'POST', headers, body })
  const text = await response.text()
  if (response.ok) return text
  const part = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? ''
  throw new Error(`${part('Code')}: ${part('Message')}`)
}

const idIn = (answer: string, element: string): string => new RegExp(`<${element}>([^<]+)</${element}>`).exec(answer)?.[1] ?? ''

export const newSecurityGroup = async (service: TestService, name: string): Promise<string> =>
  idIn(await ec2(service, 'CreateSecurityGroup', { GroupName: name, GroupDescription: name }), 'groupId')

interface Rule {
  readonly port?: number
  /** A network, or the id of a security group. */
  readonly from: string
}

const permission = (id: string, { port, from }: Rule): Readonly<Record<string, string>> => ({
  GroupId: id,
  'IpPermissions.1.IpProtocol': port === undefined ? '-1' : 'tcp',
  ...(port === undefined ? {} : { 'IpPermissions.1.FromPort': `${port}`, 'IpPermissions.1.ToPort': `${port}` }),
  [from.startsWith('sg-') ? 'IpPermissions.1.Groups.1.GroupId' : 'IpPermissions.1.IpRanges.1.CidrIp']: from,
})

export const allow = (service: TestService, id: string, rule: Rule): Promise<string> =>
  ec2(service, 'AuthorizeSecurityGroupIngress', permission(id, rule))

export const revoke = (service: TestService, id: string, rule: Rule): Promise<string> =>
  ec2(service, 'RevokeSecurityGroupIngress', permission(id, rule))
