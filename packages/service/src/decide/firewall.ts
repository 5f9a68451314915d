/** From what the store says to who may open connections to whom. Pure. */
import type { CacheSecurityGroupRecord } from '../model/cache-security-groups.ts'
import { busPort } from '../model/cluster.ts'
import type { GroupSpec, GroupState } from '../model/group.ts'
import { groupName } from '../model/keys.ts'
import {
  defaultSecurityGroup,
  hasEffect,
  isWithin,
  memberNetworks,
  type SecurityGroupRecord,
  type SecurityGroupRule,
} from '../model/security-groups.ts'
import { securityGroupsOf } from '../model/used-security-groups.ts'
import type { Allowance, Guard } from '../ports/firewall.ts'

export interface FirewallInput {
  readonly specs: readonly GroupSpec[]
  readonly states: readonly GroupState[]
  readonly securityGroups: readonly SecurityGroupRecord[]
  readonly cacheSecurityGroups: readonly CacheSecurityGroupRecord[]
}

/** Every address at which clients may reach a group, also those of nodes that leave. */
export const guardedAddresses = (state: GroupState): readonly string[] => {
  const endpoints = [state.primaryEndpoint, state.readerEndpoint, state.configurationEndpoint]
  const all = [...Object.values(state.nodes), ...endpoints.filter((endpoint) => endpoint !== null)]
  return [...new Set(all.map(({ address }) => address))].toSorted()
}

const everywhere = '0.0.0.0/0'
const anybody: readonly Allowance[] = [{ ports: null, networks: [everywhere], nodes: [] }]

/** Without those that are within another one. */
const widest = (networks: readonly string[]): readonly string[] => {
  const all = [...new Set(networks)].toSorted()
  return all.filter((network) => !all.some((other) => other !== network && isWithin(network, other)))
}

const portsOf = ({ protocol, from, to }: SecurityGroupRule): Allowance['ports'] =>
  protocol === '-1' || (from === 0 && to === 65_535) ? null : { from, to }

/**
 * The bus of a sharded group listens too, 10000 above its port. Whoever has reached that may speak in the name of a node.
 * The ports that stand behind a front (model/transit.ts) lead to nothing that the port itself does not.
 */
const isOpen = (spec: GroupSpec, allows: readonly Allowance[]): boolean =>
  allows.some(
    ({ ports, networks }) =>
      networks.includes(everywhere) &&
      (ports === null || (spec.kind !== 'cme' && ports.from <= spec.port && spec.port <= ports.to)),
  )

/** What a cache security group allows: every port. */
const wholeGroup = (id: string): SecurityGroupRule => ({ id, protocol: '-1', from: -1, to: -1, source: { group: id } })

/** One for each group that not everybody may reach, by name. */
export const decideFirewall = ({ specs, states, securityGroups, cacheSecurityGroups }: FirewallInput): readonly Guard[] => {
  const stateOf = new Map(states.map((state) => [groupName(state), state]))
  const recordOf = new Map(securityGroups.map((record) => [`${record.region}/${record.id}`, record]))
  const legacyOf = new Map(cacheSecurityGroups.map((record) => [`${record.region}/${record.name}`, record]))
  const rulesOf = (region: string, id: string): readonly SecurityGroupRule[] => {
    const usual = defaultSecurityGroup(region)
    return (recordOf.get(`${region}/${id}`) ?? (id === usual.id ? usual : null))?.ingress ?? []
  }
  const legacyRules = (region: string, name: string): readonly SecurityGroupRule[] =>
    (legacyOf.get(`${region}/${name}`)?.allowed ?? []).map(wholeGroup)
  const members = new Map<string, readonly string[]>()
  for (const spec of specs) {
    const state = stateOf.get(groupName(spec))
    if (state === undefined) continue
    const nodes = Object.values(state.nodes).map(({ address }) => address)
    for (const id of securityGroupsOf(spec)) {
      const key = `${spec.region}/${id}`
      members.set(key, [...(members.get(key) ?? []), ...nodes])
    }
  }
  const allowance = (region: string, ports: Allowance['ports'], rules: readonly SecurityGroupRule[]): Allowance => {
    const networks = widest(
      rules.flatMap(({ source }) => {
        if ('cidr' in source) return [source.cidr]
        if (!('group' in source)) return []
        const record = recordOf.get(`${region}/${source.group}`)
        return record === undefined ? [] : memberNetworks(record.tags)
      }),
    )
    const nodes = rules.flatMap(({ source }) => ('group' in source ? (members.get(`${region}/${source.group}`) ?? []) : []))
    const others = nodes.filter((node) => !networks.some((network) => isWithin(`${node}/32`, network)))
    return { ports, networks, nodes: [...new Set(others)].toSorted() }
  }
  const allowsOf = (spec: GroupSpec): readonly Allowance[] => {
    const rules = [
      ...securityGroupsOf(spec).flatMap((id) => rulesOf(spec.region, id)),
      ...spec.labels.cacheSecurityGroupNames.flatMap((name) => legacyRules(spec.region, name)),
    ].filter(hasEffect)
    return [...Map.groupBy(rules, (rule) => JSON.stringify(portsOf(rule)))]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([ports, same]) => allowance(spec.region, JSON.parse(ports) as Allowance['ports'], same))
      .filter(({ networks, nodes }) => networks.length + nodes.length > 0)
  }
  return specs
    .flatMap((spec): readonly Guard[] => {
      const state = stateOf.get(groupName(spec))
      if (state === undefined) return []
      const addresses = guardedAddresses(state)
      const allows = allowsOf(spec)
      if (addresses.length === 0) return []
      const guard: Guard = {
        group: groupName(spec),
        addresses,
        allows,
        ...(spec.kind === 'cme' ? { bus: busPort(spec.port) } : {}),
      }
      if (!isOpen(spec, allows)) return [guard]
      return guard.bus === undefined ? [] : [{ ...guard, allows: anybody, optional: true }]
    })
    .toSorted((a, b) => (a.group < b.group ? -1 : 1))
}
