/** `larder allow` and `larder revoke`: who may connect to a group, by the rules of its security groups. */
import {
  type CacheCluster,
  DescribeCacheClustersCommand,
  ElastiCacheClient,
  ModifyCacheClusterCommand,
  ModifyReplicationGroupCommand,
} from '@aws-sdk/client-elasticache'
import { LarderError } from '../errors.ts'
import { defaultSecurityGroupId, isSecurityGroupId, networkOf, parsePorts, serviceNames } from '../model/security-groups.ts'
import { type Access, currentAccess } from './access.ts'
import { byPorts, type Rule, rulesIn, ruleText } from './allow-text.ts'
import { callEc2 } from './call.ts'
import { findNamed } from './groups.ts'
import { currentReport } from './report.ts'
import { print } from './terminal.ts'

const usage = (command: string): string =>
  `expected: larder ${command} ID SOURCE [PORTS], for example: larder ${command} demo 127.0.0.1 redis`
const deadlineMs = 10_000
const pollMs = 20

interface Session {
  readonly access: Access
  readonly client: ElastiCacheClient
}

/** A group or a cluster with its security groups; several clusters belong to one replication group. */
interface Target {
  readonly id: string
  readonly replicationGroup: boolean
  readonly port: number
  readonly securityGroups: readonly string[]
  /** One of its clusters: all have the same security groups. */
  readonly cluster: string
}

const ec2 = ({ access }: Session, action: string, input: Readonly<Record<string, string>>): Promise<string> =>
  callEc2(access, access.region, action, input)

const describe = async ({ client }: Session, clusterId: string): Promise<CacheCluster> => {
  const { CacheClusters: [cluster] = [] } = await client.send(new DescribeCacheClustersCommand({ CacheClusterId: clusterId }))
  if (cluster === undefined) throw new LarderError('usage', `expected a cluster ${clusterId}, found none`)
  return cluster
}

const targetOf = async (session: Session, name: string): Promise<Target> => {
  const { group } = findNamed(await currentReport(), name)
  const first = group.shards[0]?.nodes[0]
  if (first === undefined) throw new LarderError('usage', `${group.id} has no nodes yet`)
  const clusterId = group.kind === 'memcached' ? group.id : first.id
  const cluster = await describe(session, clusterId)
  if ((cluster.CacheSecurityGroups ?? []).length > 0)
    throw new LarderError('usage', `${group.id} has cache security groups; change them with: larder aws elasticache`)
  return {
    id: group.id,
    replicationGroup: cluster.ReplicationGroupId !== undefined,
    port: first.port,
    securityGroups: (cluster.SecurityGroups ?? []).flatMap(({ SecurityGroupId: id }) => id ?? []),
    cluster: clusterId,
  }
}

const rulesOf = async (session: Session, securityGroup: string): Promise<readonly Rule[]> =>
  rulesIn(await ec2(session, 'DescribeSecurityGroupRules', { 'Filter.1.Name': 'group-id', 'Filter.1.Value.1': securityGroup }))

/** A group of the default VPC: names are unique in it. */
const idNamed = async (session: Session, name: string): Promise<string | null> => {
  const vpcs = await ec2(session, 'DescribeVpcs', { 'Filter.1.Name': 'is-default', 'Filter.1.Value.1': 'true' })
  const answer = await ec2(session, 'DescribeSecurityGroups', {
    ...{ 'Filter.1.Name': 'group-name', 'Filter.1.Value.1': name },
    ...{ 'Filter.2.Name': 'vpc-id', 'Filter.2.Value.1': /<vpcId>([^<]+)</.exec(vpcs)?.[1] ?? '' },
  })
  return /<groupId>([^<]+)<\/groupId><groupName>/.exec(answer)?.[1] ?? null
}

/** The network or the id of a security group. */
const sourceOf = async (session: Session, text: string): Promise<string> => {
  const network = networkOf(text.includes('/') ? text : `${text}/32`)
  if (network !== null) return network
  const id = isSecurityGroupId(text) ? text : await idNamed(session, text)
  if (id !== null) return id
  throw new LarderError('usage', `expected an address, a network or a security group, found ${text}`)
}

const portsOf = (text: string | undefined, usual: number): { readonly from: number; readonly to: number } => {
  const ports = text === undefined ? { from: usual, to: usual } : parsePorts(text)
  if (ports !== null) return ports
  throw new LarderError('usage', `expected a port, a range like 6379-6400 or one of ${serviceNames.join(', ')}, found ${text}`)
}

/** A rule for ports at which nobody serves lets nobody in, and shuts everybody else out. */
export const checkServed = (id: string, port: number, { from, to }: { readonly from: number; readonly to: number }): void => {
  if (from <= port && port <= to) return
  const found = from === to ? `${from}` : `${from}-${to}`
  throw new LarderError(
    'usage',
    `expected a port or a range with ${port}, at which ${id} serves, found ${found}; nothing was changed`,
  )
}

const permission = (securityGroup: string, rule: Rule): Readonly<Record<string, string>> => ({
  GroupId: securityGroup,
  'IpPermissions.1.IpProtocol': 'tcp',
  'IpPermissions.1.FromPort': `${rule.from}`,
  'IpPermissions.1.ToPort': `${rule.to}`,
  [isSecurityGroupId(rule.source) ? 'IpPermissions.1.Groups.1.GroupId' : 'IpPermissions.1.IpRanges.1.CidrIp']: rule.source,
})

const show = async (session: Session, { id, securityGroups }: Pick<Target, 'id' | 'securityGroups'>): Promise<void> => {
  const rules = (await Promise.all(securityGroups.map((group) => rulesOf(session, group)))).flat()
  const lines = rules.toSorted(byPorts).map(ruleText)
  print(`${id}\n${(lines.length === 0 ? ['nobody may connect'] : lines).map((line) => `  ${line}\n`).join('')}`)
}

/** Told as done when it is in force. */
const untilActive = async (session: Session, target: Target, wanted: readonly string[]): Promise<void> => {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    const { SecurityGroups = [] } = await describe(session, target.cluster)
    const active = SecurityGroups.flatMap(({ SecurityGroupId: id, Status }) => (Status === 'active' ? [id] : []))
    if (`${active}` === `${wanted}` && active.length === SecurityGroups.length) return
    if (performance.now() > deadline)
      throw new LarderError(
        'deadline',
        `the security groups of ${target.id} are not in force after ${deadlineMs / 1000} s; larder status says why`,
      )
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

/**
 * The security group that `larder allow` keeps for this cache. One that the cache does not have is of a cache of the same name that is gone, or of
 * a call that was refused: whom its rules let in nobody has asked for now, so it is made anew.
 */
const ownGroup = async (session: Session, { id, securityGroups }: Target): Promise<string> => {
  const name = `larder-${id}`
  const present = await idNamed(session, name)
  if (present !== null && securityGroups.includes(present)) return present
  if (present !== null) await ec2(session, 'DeleteSecurityGroup', { GroupId: present })
  const made = await ec2(session, 'CreateSecurityGroup', { GroupName: name, GroupDescription: `who may connect to ${id}` })
  return /<groupId>([^<]+)</.exec(made)?.[1] ?? ''
}

/** Security groups may have gone with a state that was lost: they let nobody in, and a cache with one of them takes no other change. */
const presentOf = async (session: Session, securityGroups: readonly string[]): Promise<readonly string[]> => {
  const filter = Object.fromEntries(securityGroups.map((id, index) => [`Filter.1.Value.${index + 1}`, id]))
  const answer = await ec2(session, 'DescribeSecurityGroups', { 'Filter.1.Name': 'group-id', ...filter })
  return securityGroups.filter((id) => answer.includes(`<groupId>${id}</groupId>`))
}

/** The rule comes before the security group is given to the cache: nobody is shut out in between. */
const addRule = async (session: Session, target: Target, rule: Rule): Promise<readonly string[]> => {
  const made = await ownGroup(session, target)
  const before = await rulesOf(session, made)
  if (!before.some((each) => ruleText(each) === ruleText(rule)))
    await ec2(session, 'AuthorizeSecurityGroupIngress', permission(made, rule))
  const usual = defaultSecurityGroupId(session.access.region)
  const named = `${target.securityGroups}` === usual ? [] : await presentOf(session, target.securityGroups)
  if (named.includes(made)) return named
  const SecurityGroupIds = [...named, made]
  if (target.replicationGroup) {
    await session.client.send(new ModifyReplicationGroupCommand({ ReplicationGroupId: target.id, SecurityGroupIds }))
  } else {
    await session.client.send(new ModifyCacheClusterCommand({ CacheClusterId: target.id, SecurityGroupIds }))
  }
  await untilActive(session, target, SecurityGroupIds)
  return SecurityGroupIds
}

const inSession = async <T>(work: (session: Session) => Promise<T>): Promise<T> => {
  const access = currentAccess()
  const { url: endpoint, region, accessKeyId, secretAccessKey } = access
  const client = new ElastiCacheClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } })
  try {
    return await work({ access, client })
  } catch (error) {
    // What the service refuses is told in its own words.
    if (error instanceof Error && '$fault' in error) throw new LarderError('usage', error.message, { cause: error })
    throw error
  } finally {
    client.destroy()
  }
}

export const allow = ([name, source, ports, ...rest]: readonly string[]): Promise<number> =>
  inSession(async (session) => {
    if (rest.length > 0) throw new LarderError('usage', usage('allow'))
    if (name === undefined) {
      const { groups } = await currentReport()
      for (const { id, region } of groups) if (region === session.access.region) await show(session, await targetOf(session, id))
      return 0
    }
    const target = await targetOf(session, name)
    if (source === undefined) {
      await show(session, target)
      return 0
    }
    const wanted = portsOf(ports, target.port)
    checkServed(target.id, target.port, wanted)
    const rule: Rule = { ...wanted, source: await sourceOf(session, source) }
    await show(session, { id: target.id, securityGroups: await addRule(session, target, rule) })
    return 0
  })

export const revoke = ([name, source, ports, ...rest]: readonly string[]): Promise<number> =>
  inSession(async (session) => {
    if (name === undefined || source === undefined || rest.length > 0) throw new LarderError('usage', usage('revoke'))
    const target = await targetOf(session, name)
    const rule: Rule = { ...portsOf(ports, target.port), source: await sourceOf(session, source) }
    for (const group of target.securityGroups) {
      if (!(await rulesOf(session, group)).some((each) => ruleText(each) === ruleText(rule))) continue
      await ec2(session, 'RevokeSecurityGroupIngress', permission(group, rule))
      await show(session, target)
      return 0
    }
    throw new LarderError('usage', `no rule of ${target.id} says: ${ruleText(rule)}; larder allow ${target.id} shows them`)
  })
