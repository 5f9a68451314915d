/** What a request is about, for those who decide whether it is allowed: by ids, also where it names an association. */

import type { Parameters } from '../../protocols/ec2.ts'
import { allOf, type Kind, kindOfId, networkAcls, type Place, type Resource, routeTables, vpcs } from './resources.ts'

export interface Named {
  readonly type: string
  /** `*`: one that is to be made. */
  readonly id: string
}

const made: Readonly<Record<string, string>> = {
  CreateSecurityGroup: 'security-group',
  CreateVpc: 'vpc',
  CreateSubnet: 'subnet',
  CreateRouteTable: 'route-table',
  CreateNetworkAcl: 'network-acl',
  CreateInternetGateway: 'internet-gateway',
  AllocateAddress: 'elastic-ip',
  CreateNatGateway: 'natgateway',
}

interface Associated extends Resource {
  readonly main?: string | null
  readonly associations?: readonly { readonly id: string; readonly subnet: string }[]
  readonly more?: readonly { readonly association: string }[]
}

/** Whatever may have associations. Those that follow from a VPC or a subnet alone belong to what is there without being stored, too. */
const holders: readonly Kind<Associated>[] = [routeTables, networkAcls, vpcs]

const holdersOf = async (place: Place, association: string): Promise<readonly Named[]> => {
  const found = await Promise.all(
    holders.map(async (kind) => {
      const all = await allOf(place, kind)
      const having = all.filter(
        ({ main, associations = [], more = [] }) =>
          main === association ||
          associations.some(({ id }) => id === association) ||
          more.some((each) => each.association === association),
      )
      return having.map(({ id }) => ({ type: kind.type, id }))
    }),
  )
  return found.flat()
}

/** The usual network ACLs, one of which has an association that nothing names. */
const usualAcls = async (place: Place): Promise<readonly Named[]> =>
  (await allOf(place, networkAcls)).flatMap(({ id, usual }) => (usual ? [{ type: networkAcls.type, id }] : []))

const associationsNamed = async (place: Place, association: string): Promise<readonly Named[]> => {
  const found = await holdersOf(place, association)
  return found.length === 0 && association.startsWith('aclassoc-') ? usualAcls(place) : found
}

/** All but security groups, which may be called by their names. First what is to be made. */
export const namedIn = async (place: Place, action: string, parameters: Parameters): Promise<readonly Named[]> => {
  const type = Object.hasOwn(made, action) ? made[action] : undefined
  const news = type === undefined ? [] : [{ type, id: '*' }]
  if (action.startsWith('Describe')) return news
  const values = [...parameters].flatMap(([name, value]) => (/^[A-Za-z]+Id(\.\d+)?$/.test(name) ? [value] : []))
  const byId = values.flatMap((id): readonly Named[] => {
    if (/^sgr-[0-9a-f]{8,17}$/.test(id) && action.endsWith('Tags')) return [{ type: 'security-group-rule', id }]
    const kind = kindOfId(id)
    return kind === undefined ? [] : [{ type: kind.type, id }]
  })
  const association = parameters.get('AssociationId') ?? ''
  return [...news, ...byId, ...(association === '' ? [] : await associationsNamed(place, association))]
}
