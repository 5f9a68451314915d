/** Names by AWS's rules. Source: the API reference of each Create operation. */
import { Fault, invalidValue } from '../errors.ts'
import type { GroupKind } from './group.ts'

/** AWS's words. */
const rule =
  'Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.'

const identifier = (member: string, most: number, value: string | undefined): string => {
  if (value === undefined || value === '') throw invalidValue(`The parameter ${member} must be provided and must not be blank.`)
  if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(value) || value.endsWith('-') || value.includes('--') || value.length > most) {
    const shown = value.length > 100 ? `${value.slice(0, 100)}...` : value
    throw invalidValue(
      `The parameter ${member} is not a valid identifier. ${rule} This one must have 1 to ${most} characters. Found: ${shown}`,
    )
  }
  return value.toLowerCase()
}

export const replicationGroupId = (value: string | undefined): string => identifier('ReplicationGroupIdentifier', 40, value)
export const cacheClusterId = (value: string | undefined): string => identifier('CacheClusterIdentifier', 50, value)
export const userId = (value: string | undefined): string => identifier('UserId', 40, value)
export const userGroupId = (value: string | undefined): string => identifier('UserGroupId', 40, value)
export const snapshotName = (member: string, value: string | undefined): string => identifier(member, 40, value)
export const parameterGroupName = (value: string | undefined): string => identifier('CacheParameterGroupName', 255, value)

/** Subnet groups may also hold dots and underscores. */
export const subnetGroupName = (value: string | undefined): string => {
  if (value === undefined || value === '')
    throw invalidValue('The parameter CacheSubnetGroupName must be provided and must not be blank.')
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/.test(value)) {
    throw invalidValue(
      'The parameter CacheSubnetGroupName must contain only alphanumeric characters, periods, underscores or hyphens and have at most 255 characters.',
    )
  }
  return value.toLowerCase()
}

/** Shards and cache nodes count with four digits. */
export const shardId = (n: number): string => String(n).padStart(4, '0')

export interface NodeIds {
  readonly id: string
  readonly clusterId: string
  readonly cacheNodeId: string
}

/** `ordinal` counts from 1 within the shard. */
export const nodeIds = (group: { readonly id: string; readonly kind: GroupKind }, shard: string, ordinal: number): NodeIds => {
  const number = String(ordinal).padStart(3, '0')
  switch (group.kind) {
    case 'cmd':
      return { id: `${group.id}-${number}`, clusterId: `${group.id}-${number}`, cacheNodeId: '0001' }
    case 'cme':
      return { id: `${group.id}-${shard}-${number}`, clusterId: `${group.id}-${shard}-${number}`, cacheNodeId: '0001' }
    case 'single':
      return { id: group.id, clusterId: group.id, cacheNodeId: '0001' }
    case 'memcached': {
      const cacheNodeId = String(ordinal).padStart(4, '0')
      return { id: `${group.id}.${cacheNodeId}`, clusterId: group.id, cacheNodeId }
    }
  }
}

export type ArnType =
  | 'cluster'
  | 'replicationgroup'
  | 'parametergroup'
  | 'subnetgroup'
  | 'securitygroup'
  | 'snapshot'
  | 'user'
  | 'usergroup'
  | 'serverlesscache'
  | 'serverlesscachesnapshot'
  | 'reserved-instance'

const arnTypes: ReadonlySet<string> = new Set<ArnType>([
  'cluster',
  'replicationgroup',
  'parametergroup',
  'subnetgroup',
  'securitygroup',
  'snapshot',
  'user',
  'usergroup',
  'serverlesscache',
  'serverlesscachesnapshot',
  'reserved-instance',
])

const isArnType = (text: string): text is ArnType => arnTypes.has(text)

export const arn = (region: string, account: string, type: ArnType, name: string): string =>
  `arn:aws:elasticache:${region}:${account}:${type}:${name}`

export interface ParsedArn {
  readonly region: string
  readonly account: string
  readonly type: ArnType
  readonly name: string
}

/** Throws `InvalidARNFault`. */
export const parseArn = (text: string): ParsedArn => {
  const match = /^arn:aws:elasticache:([a-z0-9-]*):(\d{12}):([a-z-]+):([^:]{1,255})$/.exec(text)
  const [, region, account, type, name] = match ?? []
  if (region === undefined || account === undefined || type === undefined || name === undefined || !isArnType(type)) {
    throw new Fault(
      'InvalidARNFault',
      `${text.slice(0, 200)} is not a valid ARN: expected arn:aws:elasticache:<region>:<account>:<type>:<name>`,
    )
  }
  return { region, account, type, name }
}
