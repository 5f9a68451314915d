/** The request to the API that a command of the model is. */
import {
  AddTagsToResourceCommand,
  CreateCacheClusterCommand,
  CreateCacheParameterGroupCommand,
  CreateCacheSubnetGroupCommand,
  CreateReplicationGroupCommand,
  DecreaseReplicaCountCommand,
  DeleteCacheClusterCommand,
  DeleteCacheParameterGroupCommand,
  DeleteCacheSubnetGroupCommand,
  DeleteReplicationGroupCommand,
  DescribeCacheClustersCommand,
  DescribeCacheParameterGroupsCommand,
  DescribeCacheSubnetGroupsCommand,
  DescribeReplicationGroupsCommand,
  type ElastiCacheClient,
  IncreaseReplicaCountCommand,
  ModifyCacheClusterCommand,
  ModifyCacheParameterGroupCommand,
  ModifyCacheSubnetGroupCommand,
  ModifyReplicationGroupCommand,
  RemoveTagsFromResourceCommand,
  ResetCacheParameterGroupCommand,
} from '@aws-sdk/client-elasticache'
import { region } from '../../testing/fixtures.ts'
import { account } from '../testing.ts'
import type { Command, Kind } from './model.ts'

type Request = Exclude<Command, { readonly do: 'restart' | 'kill' | 'settle' }>

const nodeType = 'cache.t3.micro'

const arnTypes: Readonly<Record<Kind, string>> = {
  group: 'replicationgroup',
  cluster: 'cluster',
  parameterGroup: 'parametergroup',
  subnetGroup: 'subnetgroup',
}
export const arnOf = (kind: Kind, id: string): string => `arn:aws:elasticache:${region}:${account}:${arnTypes[kind]}:${id}`

const orNothing = <T>(name: string, value: T | null): Record<string, T> => (value === null ? {} : { [name]: value })

const removal = (client: ElastiCacheClient, kind: Kind, id: string): Promise<unknown> => {
  if (kind === 'group') return client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id }))
  if (kind === 'cluster') return client.send(new DeleteCacheClusterCommand({ CacheClusterId: id }))
  if (kind === 'parameterGroup') return client.send(new DeleteCacheParameterGroupCommand({ CacheParameterGroupName: id }))
  return client.send(new DeleteCacheSubnetGroupCommand({ CacheSubnetGroupName: id }))
}

const description = (client: ElastiCacheClient, kind: Kind, id: string): Promise<unknown> => {
  if (kind === 'group') return client.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }))
  if (kind === 'cluster') return client.send(new DescribeCacheClustersCommand({ CacheClusterId: id }))
  if (kind === 'parameterGroup') return client.send(new DescribeCacheParameterGroupsCommand({ CacheParameterGroupName: id }))
  return client.send(new DescribeCacheSubnetGroupsCommand({ CacheSubnetGroupName: id }))
}

/** The request that a command is. */
export const send = (client: ElastiCacheClient, command: Request): Promise<unknown> => {
  switch (command.do) {
    case 'create group': {
      const { id, shards, replicas, failover, parameterGroup, subnetGroup } = command
      const shape = shards > 1 ? { NumNodeGroups: shards, ReplicasPerNodeGroup: replicas } : { NumCacheClusters: replicas + 1 }
      return client.send(
        new CreateReplicationGroupCommand({
          ReplicationGroupId: id,
          ReplicationGroupDescription: id,
          Engine: 'valkey',
          CacheNodeType: nodeType,
          AutomaticFailoverEnabled: failover,
          ...shape,
          ...orNothing('CacheParameterGroupName', parameterGroup),
          ...orNothing('CacheSubnetGroupName', subnetGroup),
        }),
      )
    }
    case 'create cluster':
      return client.send(
        new CreateCacheClusterCommand({
          CacheClusterId: command.id,
          Engine: command.memcached ? 'memcached' : 'valkey',
          CacheNodeType: nodeType,
          NumCacheNodes: command.nodes,
          ...orNothing('CacheParameterGroupName', command.parameterGroup),
          ...orNothing('CacheSubnetGroupName', command.subnetGroup),
        }),
      )
    case 'delete':
      return removal(client, command.kind, command.id)
    case 'describe':
      return description(client, command.kind, command.id)
    case 'increase':
    case 'decrease': {
      const input = { ReplicationGroupId: command.id, NewReplicaCount: command.replicas, ApplyImmediately: true }
      const Request = command.do === 'increase' ? IncreaseReplicaCountCommand : DecreaseReplicaCountCommand
      return client.send(new Request(input))
    }
    case 'describe group': {
      const input = { ReplicationGroupId: command.id, ReplicationGroupDescription: command.description }
      return client.send(new ModifyReplicationGroupCommand(input))
    }
    case 'failover': {
      const input = { ReplicationGroupId: command.id, AutomaticFailoverEnabled: command.on, ApplyImmediately: true }
      return client.send(new ModifyReplicationGroupCommand(input))
    }
    case 'use parameter group': {
      const input = { CacheParameterGroupName: command.parameterGroup, ApplyImmediately: true }
      return command.kind === 'group'
        ? client.send(new ModifyReplicationGroupCommand({ ReplicationGroupId: command.id, ...input }))
        : client.send(new ModifyCacheClusterCommand({ CacheClusterId: command.id, ...input }))
    }
    case 'add nodes': {
      const input = { CacheClusterId: command.id, NumCacheNodes: command.nodes, ApplyImmediately: true }
      return client.send(new ModifyCacheClusterCommand(input))
    }
    case 'create parameter group': {
      const input = { CacheParameterGroupName: command.id, CacheParameterGroupFamily: command.family, Description: command.id }
      return client.send(new CreateCacheParameterGroupCommand(input))
    }
    case 'set parameter': {
      const values = [{ ParameterName: command.name, ParameterValue: command.value }]
      const input = { CacheParameterGroupName: command.id, ParameterNameValues: values }
      return client.send(new ModifyCacheParameterGroupCommand(input))
    }
    case 'reset parameters': {
      const input = { CacheParameterGroupName: command.id, ResetAllParameters: true }
      return client.send(new ResetCacheParameterGroupCommand(input))
    }
    case 'create subnet group':
    case 'change subnet group': {
      const input = {
        CacheSubnetGroupName: command.id,
        CacheSubnetGroupDescription: command.description,
        SubnetIds: ['subnet-0000000a', 'subnet-0000000b'],
      }
      return command.do === 'create subnet group'
        ? client.send(new CreateCacheSubnetGroupCommand(input))
        : client.send(new ModifyCacheSubnetGroupCommand(input))
    }
    case 'tag': {
      const Tags = [{ Key: command.key, Value: command.value }]
      return client.send(new AddTagsToResourceCommand({ ResourceName: arnOf(command.kind, command.id), Tags }))
    }
    case 'untag': {
      const input = { ResourceName: arnOf(command.kind, command.id), TagKeys: [command.key] }
      return client.send(new RemoveTagsFromResourceCommand(input))
    }
  }
}
