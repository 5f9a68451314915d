import type { GroupSpace, Tag } from './group.ts'

/** Records other than groups. All times are milliseconds since 1970. */
export interface ClusterIndex {
  readonly space: GroupSpace
  readonly id: string
  /** Members of a replication group: tags of this node alone, once they differ from those of the group. Without: the group's. */
  readonly tags?: readonly Tag[]
}

export interface AddressOwner {
  /** `us-east-1/rg/demo` */
  readonly group: string
  /** A node id, or `primary`, `reader`, `configuration`. */
  readonly use: string
}

/** A node that was removed on purpose. Nothing else that is found on the machine is ever deleted. */
export interface RemovedNode {
  readonly region: string
  readonly id: string
  readonly at: number
}

export interface ParameterGroupRecord {
  readonly region: string
  readonly name: string
  readonly family: string
  readonly description: string
  /** The values that the user set, also those that are equal to the family's defaults. */
  readonly values: Readonly<Record<string, string>>
  readonly tags: readonly Tag[]
}

export interface SubnetGroupRecord {
  readonly region: string
  readonly name: string
  readonly description: string
  readonly vpcId: string
  readonly subnets: readonly { readonly id: string; readonly zone: string }[]
  readonly tags: readonly Tag[]
}

export type EventSource =
  | 'cache-cluster'
  | 'cache-parameter-group'
  | 'cache-security-group'
  | 'cache-subnet-group'
  | 'replication-group'
  | 'serverless-cache'
  | 'serverless-cache-snapshot'
  | 'user'
  | 'user-group'

export interface EventRecord {
  readonly region: string
  readonly source: EventSource
  readonly sourceId: string
  readonly message: string
  readonly date: number
}
