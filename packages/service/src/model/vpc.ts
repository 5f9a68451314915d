/**
 * What a network of EC2 is made of, as far as what people build around caches asks for it. All of it is kept and shown. Nodes have loopback
 * addresses of this machine, so that routes and network ACLs have nothing to act upon; subnets say in which zones nodes stand.
 */
import type { Tag } from './group.ts'
import { defaultVpc, hexOf } from './network.ts'
import { isWithin } from './security-groups.ts'

interface Resource {
  readonly region: string
  readonly id: string
  readonly tags: readonly Tag[]
}

export interface VpcRecord extends Resource {
  readonly cidr: string
  readonly tenancy: string
  readonly attributes: Readonly<Record<VpcAttribute, boolean>>
  /** Further networks of it. */
  readonly more: readonly { readonly association: string; readonly cidr: string }[]
}

/** As ModifyVpcAttribute calls them, in lower case at the beginning. */
export const vpcAttributes = ['enableDnsSupport', 'enableDnsHostnames', 'enableNetworkAddressUsageMetrics'] as const
export type VpcAttribute = (typeof vpcAttributes)[number]

/** As ModifySubnetAttribute calls them. Those that are left out are false. */
export const subnetFlags = [
  'MapPublicIpOnLaunch',
  'AssignIpv6AddressOnCreation',
  'MapCustomerOwnedIpOnLaunch',
  'EnableDns64',
  'EnableResourceNameDnsARecordOnLaunch',
  'EnableResourceNameDnsAAAARecordOnLaunch',
] as const
export type SubnetFlag = (typeof subnetFlags)[number]

export interface SubnetRecord extends Resource {
  readonly vpc: string
  readonly zone: string
  readonly cidr: string
  readonly flags: Readonly<Partial<Record<SubnetFlag, boolean>>>
  /** `ip-name` where it is left out. */
  readonly hostnames?: 'ip-name' | 'resource-name'
  /** The first subnet of a zone in the default VPC. */
  readonly usual: boolean
}

export interface Route {
  readonly destination: string
  /** What it leads to, by the name of its parameter: `GatewayId`. */
  readonly by: string
  readonly target: string
}

/** Of a subnet with a route table or a network ACL. */
export interface Association {
  readonly id: string
  readonly subnet: string
}

export interface RouteTableRecord extends Resource {
  readonly vpc: string
  /** The association with its VPC, of the main table: subnets have it that have no other. */
  readonly main: string | null
  readonly associations: readonly Association[]
  /** Beside the one for the VPC itself. */
  readonly routes: readonly Route[]
}

export interface AclEntry {
  readonly number: number
  readonly protocol: string
  readonly allow: boolean
  readonly egress: boolean
  readonly cidr?: string
  readonly cidr6?: string
  readonly from?: number
  readonly to?: number
  readonly icmpType?: number
  readonly icmpCode?: number
}

export interface NetworkAclRecord extends Resource {
  readonly vpc: string
  /** Subnets have it that have no other. */
  readonly usual: boolean
  readonly associations: readonly Association[]
  /** Beside those that refuse the rest. */
  readonly entries: readonly AclEntry[]
}

export interface InternetGatewayRecord extends Resource {
  readonly vpc: string | null
}

export interface ElasticIpRecord extends Resource {
  readonly ip: string
}

export interface NatGatewayRecord extends Resource {
  readonly vpc: string
  readonly subnet: string
  /** The id of its elastic address; null: it is private. */
  readonly allocation: string | null
  readonly privateIp: string
  readonly createdAt: number
}

/** Where subnets begin in the default VPC, as EC2 makes them: one of 4096 addresses in each zone. */
const usualCidr = '172.31.0.0/16'
export const usualSubnetCidr = (zoneIndex: number): string => `172.31.${zoneIndex * 16}.0/20`

const usualAttributes = { enableDnsSupport: true, enableDnsHostnames: false, enableNetworkAddressUsageMetrics: false } as const

export const newVpc = (region: string, id: string, cidr: string): VpcRecord => ({
  ...{ region, id, cidr, tenancy: 'default', attributes: usualAttributes, more: [], tags: [] },
})

export const mainRouteTable = (vpc: Pick<VpcRecord, 'region' | 'id'>): RouteTableRecord => {
  const hex = hexOf(`${vpc.id}/main-route-table`)
  return { region: vpc.region, id: `rtb-${hex}`, vpc: vpc.id, main: `rtbassoc-${hex}`, associations: [], routes: [], tags: [] }
}

const everywhere = '0.0.0.0/0'

export const usualAcl = (vpc: Pick<VpcRecord, 'region' | 'id'>): NetworkAclRecord => {
  const every = { number: 100, protocol: '-1', allow: true, cidr: everywhere }
  const entries = [
    { ...every, egress: true },
    { ...every, egress: false },
  ]
  const id = `acl-${hexOf(`${vpc.id}/network-acl`)}`
  return { region: vpc.region, id, vpc: vpc.id, usual: true, associations: [], entries, tags: [] }
}

/** Of a subnet that no other network ACL has. */
export const usualAclAssociation = (subnet: string): string => `aclassoc-${hexOf(`${subnet}/network-acl`)}`

/** The default VPC of a region with all that EC2 puts into it. It is stored only once somebody changed it. */
export const usualNetwork = (region: string, account: string) => {
  const { id, subnets } = defaultVpc(region, account)
  const gateway: InternetGatewayRecord = { region, id: `igw-${hexOf(`${id}/internet-gateway`)}`, vpc: id, tags: [] }
  const vpc = newVpc(region, id, usualCidr)
  const main = mainRouteTable(vpc)
  return {
    vpc: { ...vpc, attributes: { ...usualAttributes, enableDnsHostnames: true } },
    subnets: subnets.map(
      (subnet, index): SubnetRecord => ({
        ...subnet,
        ...{ region, vpc: id, cidr: usualSubnetCidr(index), flags: { MapPublicIpOnLaunch: true }, usual: true, tags: [] },
      }),
    ),
    routeTable: { ...main, routes: [{ destination: everywhere, by: 'GatewayId', target: gateway.id }] },
    acl: usualAcl(vpc),
    gateway,
  }
}

export const bitsOf = (cidr: string): number => Number(cidr.split('/')[1])

export const overlap = (one: string, other: string): boolean => isWithin(one, other) || isWithin(other, one)

/** Has the network as many addresses as EC2 takes? From 16 to 65536. */
export const isOfUsualSize = (cidr: string): boolean => bitsOf(cidr) >= 16 && bitsOf(cidr) <= 28
