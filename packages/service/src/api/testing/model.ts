/**
 * What should be there after a sequence of requests, as plainly as it can be said: no nodes, addresses or times, only what was asked for.
 * `refusals` are the errors of which one has to come; none means that the request is carried out, and `carryOut` says what then is.
 */
type Tags = Map<string, string>

export interface ModelGroup {
  description: string
  readonly clustered: boolean
  readonly shards: number
  replicas: number
  failover: boolean
  parameterGroup: string
  readonly subnetGroup: string
  readonly tags: Tags
}

export interface ModelCluster {
  readonly memcached: boolean
  nodes: number
  parameterGroup: string
  readonly subnetGroup: string
  readonly tags: Tags
}

interface ModelParameterGroup {
  readonly family: Family
  readonly values: Map<string, string>
  readonly tags: Tags
}

interface ModelSubnetGroup {
  description: string
  readonly tags: Tags
}

export type Family = 'valkey9' | 'memcached1.6'
export type Kind = 'group' | 'cluster' | 'parameterGroup' | 'subnetGroup'

export interface Model {
  readonly group: Map<string, ModelGroup>
  readonly cluster: Map<string, ModelCluster>
  readonly parameterGroup: Map<string, ModelParameterGroup>
  readonly subnetGroup: Map<string, ModelSubnetGroup>
}

export const emptyModel = (): Model => ({
  group: new Map(),
  cluster: new Map(),
  parameterGroup: new Map(),
  subnetGroup: new Map(),
})

/** `parameterGroup` and `subnetGroup` null: the request does not name one. */
export type Command =
  | {
      readonly do: 'create group'
      readonly id: string
      readonly shards: number
      readonly replicas: number
      readonly failover: boolean
      readonly parameterGroup: string | null
      readonly subnetGroup: string | null
    }
  | {
      readonly do: 'create cluster'
      readonly id: string
      readonly memcached: boolean
      readonly nodes: number
      readonly parameterGroup: string | null
      readonly subnetGroup: string | null
    }
  | { readonly do: 'delete'; readonly kind: Kind; readonly id: string }
  | { readonly do: 'describe'; readonly kind: Kind; readonly id: string }
  | { readonly do: 'increase' | 'decrease'; readonly id: string; readonly replicas: number }
  | { readonly do: 'describe group'; readonly id: string; readonly description: string }
  | { readonly do: 'failover'; readonly id: string; readonly on: boolean }
  | {
      readonly do: 'use parameter group'
      readonly kind: 'group' | 'cluster'
      readonly id: string
      readonly parameterGroup: string
    }
  | { readonly do: 'add nodes'; readonly id: string; readonly nodes: number }
  | { readonly do: 'create parameter group'; readonly id: string; readonly family: Family }
  | { readonly do: 'set parameter'; readonly id: string; readonly name: string; readonly value: string }
  | { readonly do: 'reset parameters'; readonly id: string }
  | { readonly do: 'create subnet group'; readonly id: string; readonly description: string }
  | { readonly do: 'change subnet group'; readonly id: string; readonly description: string }
  | { readonly do: 'tag'; readonly kind: Kind; readonly id: string; readonly key: string; readonly value: string }
  | { readonly do: 'untag'; readonly kind: Kind; readonly id: string; readonly key: string }
  | { readonly do: 'restart' }
  /** The process of one of the running nodes ends; `which` counts round them. */
  | { readonly do: 'kill'; readonly which: number }
  | { readonly do: 'settle' }

const notFound: Readonly<Record<Kind, string>> = {
  group: 'ReplicationGroupNotFoundFault',
  cluster: 'CacheClusterNotFoundFault',
  parameterGroup: 'CacheParameterGroupNotFoundFault',
  subnetGroup: 'CacheSubnetGroupNotFoundFault',
}

const combination = 'InvalidParameterCombinationException'
const value = 'InvalidParameterValueException'

const parametersOfFamily: Readonly<Record<Family, readonly string[]>> = {
  valkey9: ['timeout', 'maxmemory-policy'],
  'memcached1.6': ['chunk_size_growth_factor'],
}

const users = (model: Model): readonly (ModelGroup | ModelCluster)[] => [...model.group.values(), ...model.cluster.values()]

const wrongParameterGroup = (model: Model, name: string | null, family: Family, clustered: boolean): readonly string[] => {
  if (name === null) return []
  const found = model.parameterGroup.get(name)
  if (found === undefined) return [notFound.parameterGroup]
  // Those that the sequences make have no cluster mode.
  return found.family !== family || clustered ? [combination] : []
}

const wrongSubnetGroup = (model: Model, name: string | null): readonly string[] =>
  name === null || model.subnetGroup.has(name) ? [] : [notFound.subnetGroup]

const inUse = (model: Model, kind: Kind, id: string): readonly string[] => {
  if (kind === 'parameterGroup' && users(model).some((user) => user.parameterGroup === id))
    return ['InvalidCacheParameterGroupStateFault']
  return kind === 'subnetGroup' && users(model).some((user) => user.subnetGroup === id) ? ['CacheSubnetGroupInUse'] : []
}

const wrongReplicas = (group: ModelGroup, wanted: number, direction: 'increase' | 'decrease'): readonly string[] => {
  if (wanted === group.replicas) return ['NoOperationFault']
  if (direction === 'increase') return wanted < group.replicas ? [value] : []
  const left = wanted === 0 && !group.clustered && group.failover
  return wanted > group.replicas || left ? [value] : []
}

const wrongNodes = (cluster: ModelCluster, wanted: number): readonly string[] => {
  if (!cluster.memcached) return wanted > 1 ? [value] : []
  return wanted < cluster.nodes ? [combination] : []
}

/** Which errors a request may be refused with. Empty: it is carried out. */
export const refusals = (model: Model, command: Command): readonly string[] => {
  switch (command.do) {
    case 'create group': {
      const clustered = command.shards > 1
      return [
        ...(model.group.has(command.id) ? ['ReplicationGroupAlreadyExistsFault'] : []),
        ...wrongParameterGroup(model, command.parameterGroup, 'valkey9', clustered),
        ...wrongSubnetGroup(model, command.subnetGroup),
        ...(command.failover && !clustered && command.replicas === 0 ? [combination] : []),
        ...(!command.failover && clustered ? [value] : []),
      ]
    }
    case 'create cluster':
      return [
        ...(model.cluster.has(command.id) ? ['CacheClusterAlreadyExistsFault'] : []),
        ...wrongParameterGroup(model, command.parameterGroup, command.memcached ? 'memcached1.6' : 'valkey9', false),
        ...wrongSubnetGroup(model, command.subnetGroup),
        ...(!command.memcached && command.nodes > 1 ? [combination] : []),
      ]
    case 'delete':
      return model[command.kind].has(command.id) ? inUse(model, command.kind, command.id) : [notFound[command.kind]]
    case 'describe':
      return model[command.kind].has(command.id) ? [] : [notFound[command.kind]]
    case 'increase':
    case 'decrease': {
      const group = model.group.get(command.id)
      return group === undefined ? [notFound.group] : wrongReplicas(group, command.replicas, command.do)
    }
    case 'describe group':
      return model.group.has(command.id) ? [] : [notFound.group]
    case 'failover': {
      const group = model.group.get(command.id)
      if (group === undefined) return [notFound.group]
      const refused = command.on ? group.replicas === 0 : group.clustered
      return refused ? [combination] : []
    }
    case 'use parameter group': {
      const user = model[command.kind].get(command.id)
      if (user === undefined) return [notFound[command.kind]]
      const family = 'memcached' in user && user.memcached ? 'memcached1.6' : 'valkey9'
      return wrongParameterGroup(model, command.parameterGroup, family, 'clustered' in user && user.clustered)
    }
    case 'add nodes': {
      const cluster = model.cluster.get(command.id)
      return cluster === undefined ? [notFound.cluster] : wrongNodes(cluster, command.nodes)
    }
    case 'create parameter group':
      return model.parameterGroup.has(command.id) ? ['CacheParameterGroupAlreadyExistsFault'] : []
    case 'set parameter': {
      const group = model.parameterGroup.get(command.id)
      if (group === undefined) return [notFound.parameterGroup]
      return parametersOfFamily[group.family].includes(command.name) ? [] : [value]
    }
    case 'reset parameters':
      return model.parameterGroup.has(command.id) ? [] : [notFound.parameterGroup]
    case 'create subnet group':
      return model.subnetGroup.has(command.id) ? ['CacheSubnetGroupAlreadyExistsFault'] : []
    case 'change subnet group':
      return model.subnetGroup.has(command.id) ? [] : [notFound.subnetGroup]
    case 'tag':
      return model[command.kind].has(command.id) ? [] : [notFound[command.kind]]
    case 'untag': {
      const found = model[command.kind].get(command.id)
      if (found === undefined) return [notFound[command.kind]]
      return found.tags.has(command.key) ? [] : ['TagNotFoundFault']
    }
    case 'restart':
    case 'kill':
    case 'settle':
      return []
  }
}

const put = <T>(map: Map<string, T>, id: string, change: (found: T) => void): void => {
  const found = map.get(id)
  if (found !== undefined) change(found)
}

/** Changes the model as a request that is not refused does. */
export const carryOut = (model: Model, command: Command): void => {
  switch (command.do) {
    case 'create group': {
      const { id, shards, replicas, failover } = command
      const clustered = shards > 1
      const usual = clustered ? 'default.valkey9.cluster.on' : 'default.valkey9'
      const parameterGroup = command.parameterGroup ?? usual
      const subnetGroup = command.subnetGroup ?? 'default'
      model.group.set(id, {
        description: id,
        clustered,
        shards,
        replicas,
        failover,
        parameterGroup,
        subnetGroup,
        tags: new Map(),
      })
      break
    }
    case 'create cluster': {
      const { id, memcached, nodes } = command
      const parameterGroup = command.parameterGroup ?? (memcached ? 'default.memcached1.6' : 'default.valkey9')
      model.cluster.set(id, { memcached, nodes, parameterGroup, subnetGroup: command.subnetGroup ?? 'default', tags: new Map() })
      break
    }
    case 'delete':
      model[command.kind].delete(command.id)
      break
    case 'increase':
    case 'decrease':
      put(model.group, command.id, (group) => {
        group.replicas = command.replicas
      })
      break
    case 'describe group':
      put(model.group, command.id, (group) => {
        group.description = command.description
      })
      break
    case 'failover':
      put(model.group, command.id, (group) => {
        group.failover = command.on
      })
      break
    case 'use parameter group':
      put<ModelGroup | ModelCluster>(model[command.kind] as Map<string, ModelGroup | ModelCluster>, command.id, (user) => {
        user.parameterGroup = command.parameterGroup
      })
      break
    case 'add nodes':
      put(model.cluster, command.id, (cluster) => {
        cluster.nodes = command.nodes
      })
      break
    case 'create parameter group':
      model.parameterGroup.set(command.id, { family: command.family, values: new Map(), tags: new Map() })
      break
    case 'set parameter':
      put(model.parameterGroup, command.id, (group) => group.values.set(command.name, command.value))
      break
    case 'reset parameters':
      put(model.parameterGroup, command.id, (group) => group.values.clear())
      break
    case 'create subnet group':
      model.subnetGroup.set(command.id, { description: command.description, tags: new Map() })
      break
    case 'change subnet group':
      put(model.subnetGroup, command.id, (group) => {
        group.description = command.description
      })
      break
    case 'tag':
      model[command.kind].get(command.id)?.tags.set(command.key, command.value)
      break
    case 'untag':
      model[command.kind].get(command.id)?.tags.delete(command.key)
      break
    case 'describe':
    case 'restart':
    case 'kill':
    case 'settle':
      break
  }
}
