/** The part of EC2 that people build around caches: security groups, and networks. Its own XML form (wire.ts). */
import { Fault } from '../../../errors.ts'
import type { ActionContext } from '../../action.ts'
import type { Parameters } from '../../protocols/ec2.ts'
import { ec2Namespace } from '../../versions.ts'
import { createSecurityGroup, deleteSecurityGroup, describeSecurityGroups, type Ec2Operation } from './groups.ts'
import { describeNetworkInterfaces } from './interfaces.ts'
import {
  attachInternetGateway,
  createInternetGateway,
  deleteInternetGateway,
  describeInternetGateways,
  detachInternetGateway,
} from './internet-gateways.ts'
import {
  allocateAddress,
  createNatGateway,
  deleteNatGateway,
  describeAddresses,
  describeAddressesAttribute,
  describeNatGateways,
  disassociateAddress,
  releaseAddress,
} from './nat-gateways.ts'
import {
  createNetworkAcl,
  createNetworkAclEntry,
  deleteNetworkAcl,
  deleteNetworkAclEntry,
  describeNetworkAcls,
  replaceNetworkAclAssociation,
  replaceNetworkAclEntry,
} from './network-acls.ts'
import { describeAccountAttributes, describeAvailabilityZones, describeRegions } from './region.ts'
import {
  associateRouteTable,
  createRoute,
  createRouteTable,
  deleteRoute,
  deleteRouteTable,
  describeRouteTables,
  disassociateRouteTable,
  replaceRoute,
  replaceRouteTableAssociation,
} from './route-tables.ts'
import {
  authorizeSecurityGroupEgress,
  authorizeSecurityGroupIngress,
  describeSecurityGroupRules,
  modifySecurityGroupRules,
  revokeSecurityGroupEgress,
  revokeSecurityGroupIngress,
  updateSecurityGroupRuleDescriptionsEgress,
  updateSecurityGroupRuleDescriptionsIngress,
} from './rules.ts'
import { createSubnet, deleteSubnet, describeSubnets, modifySubnetAttribute } from './subnets.ts'
import { createTags, deleteTags, describeTags } from './tags.ts'
import {
  associateVpcCidrBlock,
  createVpc,
  deleteVpc,
  describeVpcAttribute,
  describeVpcClassicLink,
  describeVpcClassicLinkDnsSupport,
  describeVpcs,
  disassociateVpcCidrBlock,
  modifyVpcAttribute,
} from './vpcs.ts'

const operations: ReadonlyMap<string, Ec2Operation> = new Map([
  ['CreateSecurityGroup', createSecurityGroup],
  ['DeleteSecurityGroup', deleteSecurityGroup],
  ['DescribeSecurityGroups', describeSecurityGroups],
  ['AuthorizeSecurityGroupIngress', authorizeSecurityGroupIngress],
  ['AuthorizeSecurityGroupEgress', authorizeSecurityGroupEgress],
  ['RevokeSecurityGroupIngress', revokeSecurityGroupIngress],
  ['RevokeSecurityGroupEgress', revokeSecurityGroupEgress],
  ['DescribeSecurityGroupRules', describeSecurityGroupRules],
  ['ModifySecurityGroupRules', modifySecurityGroupRules],
  ['UpdateSecurityGroupRuleDescriptionsIngress', updateSecurityGroupRuleDescriptionsIngress],
  ['UpdateSecurityGroupRuleDescriptionsEgress', updateSecurityGroupRuleDescriptionsEgress],
  ['CreateTags', createTags],
  ['DeleteTags', deleteTags],
  ['DescribeTags', describeTags],
  ['DescribeNetworkInterfaces', describeNetworkInterfaces],
  ['DescribeRegions', describeRegions],
  ['DescribeAvailabilityZones', describeAvailabilityZones],
  ['DescribeAccountAttributes', describeAccountAttributes],
  ['CreateVpc', createVpc],
  ['DescribeVpcs', describeVpcs],
  ['DeleteVpc', deleteVpc],
  ['ModifyVpcAttribute', modifyVpcAttribute],
  ['DescribeVpcAttribute', describeVpcAttribute],
  ['AssociateVpcCidrBlock', associateVpcCidrBlock],
  ['DisassociateVpcCidrBlock', disassociateVpcCidrBlock],
  ['DescribeVpcClassicLink', describeVpcClassicLink],
  ['DescribeVpcClassicLinkDnsSupport', describeVpcClassicLinkDnsSupport],
  ['CreateSubnet', createSubnet],
  ['DescribeSubnets', describeSubnets],
  ['DeleteSubnet', deleteSubnet],
  ['ModifySubnetAttribute', modifySubnetAttribute],
  ['CreateRouteTable', createRouteTable],
  ['DescribeRouteTables', describeRouteTables],
  ['DeleteRouteTable', deleteRouteTable],
  ['CreateRoute', createRoute],
  ['ReplaceRoute', replaceRoute],
  ['DeleteRoute', deleteRoute],
  ['AssociateRouteTable', associateRouteTable],
  ['DisassociateRouteTable', disassociateRouteTable],
  ['ReplaceRouteTableAssociation', replaceRouteTableAssociation],
  ['CreateNetworkAcl', createNetworkAcl],
  ['DescribeNetworkAcls', describeNetworkAcls],
  ['DeleteNetworkAcl', deleteNetworkAcl],
  ['CreateNetworkAclEntry', createNetworkAclEntry],
  ['ReplaceNetworkAclEntry', replaceNetworkAclEntry],
  ['DeleteNetworkAclEntry', deleteNetworkAclEntry],
  ['ReplaceNetworkAclAssociation', replaceNetworkAclAssociation],
  ['CreateInternetGateway', createInternetGateway],
  ['DescribeInternetGateways', describeInternetGateways],
  ['AttachInternetGateway', attachInternetGateway],
  ['DetachInternetGateway', detachInternetGateway],
  ['DeleteInternetGateway', deleteInternetGateway],
  ['AllocateAddress', allocateAddress],
  ['DescribeAddresses', describeAddresses],
  ['DescribeAddressesAttribute', describeAddressesAttribute],
  ['DisassociateAddress', disassociateAddress],
  ['ReleaseAddress', releaseAddress],
  ['CreateNatGateway', createNatGateway],
  ['DescribeNatGateways', describeNatGateways],
  ['DeleteNatGateway', deleteNatGateway],
])

/** Throws `InvalidAction` for every other operation, and EC2's faults (wire.ts). */
export const answerEc2 = async (
  name: string,
  parameters: Parameters,
  context: ActionContext,
  requestId: string,
): Promise<string> => {
  const operation = operations.get(name)
  if (operation === undefined) {
    const known = [...operations.keys()].toSorted().join(', ')
    throw new Fault(
      'InvalidAction',
      `The action ${name.slice(0, 100)} is not valid for this web service; of EC2, Larder has ${known}.`,
    )
  }
  const result = await operation(parameters, context)
  return `<${name}Response xmlns="${ec2Namespace}"><requestId>${requestId}</requestId>${result}</${name}Response>`
}
