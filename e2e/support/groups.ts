/** Replication groups of a service under test. */
import {
  CreateReplicationGroupCommand,
  type CreateReplicationGroupCommandInput,
  DescribeReplicationGroupsCommand,
  ModifyReplicationGroupCommand,
  type ModifyReplicationGroupCommandInput,
  type ReplicationGroup,
} from '@aws-sdk/client-elasticache'
import { type TestService, until } from './service.ts'

export interface Place {
  readonly host: string
  readonly port: number
}

export const placeOf = (
  endpoint: { readonly Address?: string | undefined; readonly Port?: number | undefined } | undefined,
): Place => ({
  host: endpoint?.Address ?? '',
  port: endpoint?.Port ?? 0,
})

/** The primary endpoint of a group without cluster mode. */
export const primaryOf = (group: ReplicationGroup): Place => placeOf(group.NodeGroups?.[0]?.PrimaryEndpoint)

/** Available, and each node of it too. */
export const available = async (service: TestService, id: string): Promise<ReplicationGroup> => {
  const client = service.client()
  try {
    return await until(
      `${id} available`,
      async () => {
        const { ReplicationGroups: [group] = [] } = await client.send(
          new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }),
        )
        if (group?.Status !== 'available') return undefined
        const nodes = (await service.nodes()).filter((node) => node.id.startsWith(`${id}-`))
        return nodes.every((node) => node.status === 'available') ? group : undefined
      },
      30_000,
    )
  } finally {
    client.destroy()
  }
}

type Input = Partial<CreateReplicationGroupCommandInput>

/** Valkey of the default version, small and with automatic failover, where nothing else is said; a sharded one has a replica for each shard. */
export const createRequest = (id: string, input: Input): CreateReplicationGroupCommand =>
  new CreateReplicationGroupCommand({
    ReplicationGroupId: id,
    ReplicationGroupDescription: id,
    Engine: input.EngineVersion === '7.0' ? 'redis' : 'valkey',
    CacheNodeType: 'cache.t4g.micro',
    AutomaticFailoverEnabled: true,
    ...(input.NumNodeGroups === undefined ? {} : { ReplicasPerNodeGroup: 1 }),
    ...input,
  })

export const create = async (service: TestService, id: string, input: Input): Promise<ReplicationGroup> => {
  const client = service.client()
  await client.send(createRequest(id, input))
  client.destroy()
  return available(service, id)
}

/** Applied at once; resolves when it is in force. */
export const modify = async (
  service: TestService,
  id: string,
  input: Omit<ModifyReplicationGroupCommandInput, 'ReplicationGroupId'>,
): Promise<ReplicationGroup> => {
  const client = service.client()
  await client.send(new ModifyReplicationGroupCommand({ ReplicationGroupId: id, ApplyImmediately: true, ...input }))
  client.destroy()
  return available(service, id)
}
