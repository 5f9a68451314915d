/**
 * What AWS can do and Larder cannot do yet, and what cannot be taken without its effect: data of a snapshot, another address, a place that
 * is not there. Each such wish is refused in words that say so. What merely says the present state (`TransitEncryptionEnabled=false`) is
 * taken. Settings that can be taken without their effect: `without-effect.ts`.
 */
import { type Fault, invalidValue } from '../../../../errors.ts'

export const notYet = (what: string): Fault => invalidValue(`${what} not available yet in Larder.`)

/** The members of all requests about groups and clusters that may ask for something that is not there. */
export interface Wishes {
  readonly TransitEncryptionEnabled?: boolean | undefined
  readonly TransitEncryptionMode?: string | undefined
  readonly AuthToken?: string | undefined
  readonly AuthTokenUpdateStrategy?: string | undefined
  readonly UserGroupIds?: readonly string[] | undefined
  readonly UserGroupIdsToAdd?: readonly string[] | undefined
  readonly UserGroupIdsToRemove?: readonly string[] | undefined
  readonly RemoveUserGroups?: boolean | undefined
  readonly SnapshotName?: string | undefined
  readonly SnapshotArns?: readonly string[] | undefined
  readonly ServerlessCacheSnapshotName?: string | undefined
  readonly GlobalReplicationGroupId?: string | undefined
  readonly NetworkType?: string | undefined
  readonly IpDiscovery?: string | undefined
  readonly OutpostMode?: string | undefined
  readonly PreferredOutpostArn?: string | undefined
  readonly PreferredOutpostArns?: readonly string[] | undefined
  readonly ScaleConfig?: object | undefined
}

const isOn = (value: unknown): boolean => value === true
const isNamed = (value: unknown): boolean => value !== undefined && value !== ''
const hasItems = (value: unknown): boolean => Array.isArray(value) && value.length > 0
const isNotIpv4 = (value: unknown): boolean => isNamed(value) && value !== 'ipv4'

const table: readonly (readonly [member: keyof Wishes, asked: (input: Wishes) => boolean, what: string])[] = [
  ['TransitEncryptionEnabled', (input) => isOn(input.TransitEncryptionEnabled), 'encryption in transit is'],
  ['TransitEncryptionMode', (input) => isNamed(input.TransitEncryptionMode), 'encryption in transit is'],
  ['AuthToken', (input) => isNamed(input.AuthToken), 'AUTH tokens are'],
  ['AuthTokenUpdateStrategy', (input) => isNamed(input.AuthTokenUpdateStrategy), 'AUTH tokens are'],
  ['UserGroupIds', (input) => hasItems(input.UserGroupIds), 'user groups are'],
  ['UserGroupIdsToAdd', (input) => hasItems(input.UserGroupIdsToAdd), 'user groups are'],
  ['UserGroupIdsToRemove', (input) => hasItems(input.UserGroupIdsToRemove), 'user groups are'],
  ['RemoveUserGroups', (input) => isOn(input.RemoveUserGroups), 'user groups are'],
  ['SnapshotName', (input) => isNamed(input.SnapshotName), 'snapshots are'],
  ['SnapshotArns', (input) => hasItems(input.SnapshotArns), 'snapshots are'],
  ['ServerlessCacheSnapshotName', (input) => isNamed(input.ServerlessCacheSnapshotName), 'snapshots are'],
  ['GlobalReplicationGroupId', (input) => isNamed(input.GlobalReplicationGroupId), 'global datastores are'],
  ['NetworkType', (input) => isNotIpv4(input.NetworkType), 'IPv6 is'],
  ['IpDiscovery', (input) => isNotIpv4(input.IpDiscovery), 'IPv6 is'],
  ['OutpostMode', (input) => isNamed(input.OutpostMode), 'outposts are'],
  ['PreferredOutpostArn', (input) => isNamed(input.PreferredOutpostArn), 'outposts are'],
  ['PreferredOutpostArns', (input) => hasItems(input.PreferredOutpostArns), 'outposts are'],
  ['ScaleConfig', (input) => isNamed(input.ScaleConfig), 'scaling step by step is'],
]

/** Throws `InvalidParameterValueException` for the first wish that cannot be granted. */
export const refuseNotYet = (input: Wishes): void => {
  const found = table.find(([, asked]) => asked(input))
  if (found !== undefined) throw notYet(`${found[0]}: ${found[2]}`)
}
