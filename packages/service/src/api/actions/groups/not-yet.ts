/**
 * What AWS can do and Larder cannot do yet. Each such wish is refused in words that say so: to take it in silence would make somebody
 * rely on a protection that is not there. What merely says the present state (`TransitEncryptionEnabled=false`) is taken.
 */
import { type Fault, invalidValue } from '../../../errors.ts'

export const notYet = (what: string): Fault => invalidValue(`${what} not available yet in Larder.`)

interface LogDelivery {
  readonly Enabled?: boolean | undefined
}

/** The members of all requests about groups and clusters that may ask for something that is not there. */
export interface Wishes {
  readonly TransitEncryptionEnabled?: boolean | undefined
  readonly TransitEncryptionMode?: string | undefined
  readonly AtRestEncryptionEnabled?: boolean | undefined
  readonly KmsKeyId?: string | undefined
  readonly AuthToken?: string | undefined
  readonly AuthTokenUpdateStrategy?: string | undefined
  readonly UserGroupIds?: readonly string[] | undefined
  readonly UserGroupIdsToAdd?: readonly string[] | undefined
  readonly UserGroupIdsToRemove?: readonly string[] | undefined
  readonly RemoveUserGroups?: boolean | undefined
  readonly SnapshotName?: string | undefined
  readonly SnapshotArns?: readonly string[] | undefined
  readonly ServerlessCacheSnapshotName?: string | undefined
  readonly FinalSnapshotIdentifier?: string | undefined
  readonly GlobalReplicationGroupId?: string | undefined
  readonly DataTieringEnabled?: boolean | undefined
  readonly LogDeliveryConfigurations?: readonly LogDelivery[] | undefined
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
/** To turn off what is off changes nothing; Terraform does so when a block is taken out of its configuration. */
const isWanted = (value: readonly LogDelivery[] | undefined): boolean => value?.some((log) => log.Enabled !== false) ?? false
const isNotIpv4 = (value: unknown): boolean => isNamed(value) && value !== 'ipv4'

const table: readonly (readonly [member: keyof Wishes, asked: (input: Wishes) => boolean, what: string])[] = [
  ['TransitEncryptionEnabled', (input) => isOn(input.TransitEncryptionEnabled), 'encryption in transit is'],
  ['TransitEncryptionMode', (input) => isNamed(input.TransitEncryptionMode), 'encryption in transit is'],
  ['AtRestEncryptionEnabled', (input) => isOn(input.AtRestEncryptionEnabled), 'encryption at rest is'],
  ['KmsKeyId', (input) => isNamed(input.KmsKeyId), 'encryption at rest is'],
  ['AuthToken', (input) => isNamed(input.AuthToken), 'AUTH tokens are'],
  ['AuthTokenUpdateStrategy', (input) => isNamed(input.AuthTokenUpdateStrategy), 'AUTH tokens are'],
  ['UserGroupIds', (input) => hasItems(input.UserGroupIds), 'user groups are'],
  ['UserGroupIdsToAdd', (input) => hasItems(input.UserGroupIdsToAdd), 'user groups are'],
  ['UserGroupIdsToRemove', (input) => hasItems(input.UserGroupIdsToRemove), 'user groups are'],
  ['RemoveUserGroups', (input) => isOn(input.RemoveUserGroups), 'user groups are'],
  ['SnapshotName', (input) => isNamed(input.SnapshotName), 'snapshots are'],
  ['SnapshotArns', (input) => hasItems(input.SnapshotArns), 'snapshots are'],
  ['ServerlessCacheSnapshotName', (input) => isNamed(input.ServerlessCacheSnapshotName), 'snapshots are'],
  ['FinalSnapshotIdentifier', (input) => isNamed(input.FinalSnapshotIdentifier), 'snapshots are'],
  ['GlobalReplicationGroupId', (input) => isNamed(input.GlobalReplicationGroupId), 'global datastores are'],
  ['DataTieringEnabled', (input) => isOn(input.DataTieringEnabled), 'data tiering is'],
  ['LogDeliveryConfigurations', (input) => isWanted(input.LogDeliveryConfigurations), 'log delivery is'],
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
