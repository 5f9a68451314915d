import type { CacheSubnetGroup } from '@aws-sdk/client-elasticache'
import { arn } from '../../../../model/names.ts'
import type { SubnetGroupRecord } from '../../../../model/records.ts'

export const subnetGroupView = (group: SubnetGroupRecord, account: string): CacheSubnetGroup => ({
  CacheSubnetGroupName: group.name,
  CacheSubnetGroupDescription: group.description,
  VpcId: group.vpcId,
  Subnets: group.subnets.map((subnet) => ({
    SubnetIdentifier: subnet.id,
    SubnetAvailabilityZone: { Name: subnet.zone },
    SupportedNetworkTypes: ['ipv4'],
  })),
  ARN: arn(group.region, account, 'subnetgroup', group.name),
  SupportedNetworkTypes: ['ipv4'],
})
