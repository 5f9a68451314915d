import type { GroupKey } from './group.ts'

/**
 * Where each record stands in the store. One writer for each kind of key:
 *
 * | key | holds | written by |
 * |---|---|---|
 * | `spec/<region>/<rg or cc>/<id>` | GroupSpec | api |
 * | `state/<region>/<rg or cc>/<id>` | GroupState | the group's controller |
 * | | | api too, where PrimaryClusterId moves a cluster with its state into a replication group |
 * | `cluster/<region>/<cache cluster id>` | ClusterIndex: which group shows this cache cluster | api creates it together with the spec, whoever removes the node removes it |
 * | `address/<ip>` | AddressOwner | the group's controller, in one transaction with the state that uses it |
 * | `parametergroup/<region>/<name>` | ParameterGroupRecord | api |
 * | `subnetgroup/<region>/<name>` | SubnetGroupRecord | api |
 * | `user/<region>/<id>`, `usergroup/<region>/<id>` | UserRecord, UserGroupRecord (`model/users.ts`) | api, in one transaction with the specs that use them |
 * | `securitygroup/<region>/<id>`, `securitygroupname/…` | SecurityGroupRecord, SecurityGroupName | api |
 * | `vpc/<region>/<id>`, `subnet/…`, `routetable/…`, `networkacl/…` | what `model/vpc.ts` describes | api |
 * | `internetgateway/…`, `elasticip/…`, `natgateway/…` | as well | api |
 * | `elasticipowner/<region>/<ip>` | which elastic address it is | api, in one transaction with the address |
 * | `cachesecuritygroup/<region>/<name>` | CacheSecurityGroupRecord | api |
 * | `zone/<region>/<zone>` | ZoneRecord: the zone is down | api |
 * | `iam/user/<name in lower case>` | IamUser, with its access keys and policies (`model/iam.ts`) | api |
 * | `iam/key/<access key id>` | AccessKeyIndex: whose it is | api, in one transaction with the user |
 * | `removed/<region>/<node id>` | RemovedNode: its folder may be deleted, whoever finds it | the group's controller, in one transaction with the removal |
 * | `event/<region>/<milliseconds, 15 digits>-<random>` | EventRecord | api and controllers |
 */
export const specKey = (key: GroupKey): string => `spec/${key.region}/${key.space}/${key.id}`
export const stateKey = (key: GroupKey): string => `state/${key.region}/${key.space}/${key.id}`
export const clusterKey = (region: string, clusterId: string): string => `cluster/${region}/${clusterId}`
export const addressKey = (address: string): string => `address/${address}`
export const parameterGroupKey = (region: string, name: string): string => `parametergroup/${region}/${name}`
export const subnetGroupKey = (region: string, name: string): string => `subnetgroup/${region}/${name}`
export const removedPrefix = 'removed/'
export const removedKey = (region: string, nodeId: string): string => `${removedPrefix}${region}/${nodeId}`
export const eventPrefix = (region: string): string => `event/${region}/`

/** A group in one word, for logs and maps: `us-east-1/rg/demo`. */
export const groupName = (key: GroupKey): string => `${key.region}/${key.space}/${key.id}`

/** The group of a `spec/` or `state/` key. */
export const groupOfKey = (key: string): GroupKey => {
  const [, region, space, id] = key.split('/')
  if (region === undefined || id === undefined || (space !== 'rg' && space !== 'cc')) {
    throw new TypeError(`expected a key of the form spec/<region>/<rg or cc>/<id>, found ${key}`)
  }
  return { region, space, id }
}
