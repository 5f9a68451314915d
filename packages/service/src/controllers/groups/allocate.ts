/** Gives addresses to nodes and endpoints. An address and the state that uses it are written in one transaction, so none can leak. */
import type { EndpointUse } from '../../decide/actions.ts'
import { LarderError } from '../../errors.ts'
import { endpointAddresses, nodeAddresses } from '../../model/addresses.ts'
import type { Endpoint, GroupSpec, NodeState } from '../../model/group.ts'
import { addressKey, groupName } from '../../model/keys.ts'
import type { AddressOwner } from '../../model/records.ts'
import { zoneIndex } from '../../model/zones.ts'
import { absent, put } from '../../ports/records.ts'
import type { Condition, Operation } from '../../ports/store.ts'
import type { GroupContext } from './context.ts'
import { engineServing } from './serving.ts'
import type { StateCell } from './state-cell.ts'

/** The first candidate that no record owns, that was not chosen in this round, and on whose port nothing listens. */
const choose = async (
  context: GroupContext,
  candidates: Iterable<string>,
  port: number,
  used: Set<string>,
): Promise<{ readonly address: string }> => {
  let refused: string | null = null
  let tries = 0
  for (const address of candidates) {
    if (used.has(address)) continue
    if (await context.host.isFree(address, port)) {
      used.add(address)
      return { address }
    }
    refused = address
    tries += 1
    if (tries >= 20) break
  }
  throw new LarderError(
    'address-taken',
    refused === null
      ? 'expected a free loopback address, found none left in this block'
      : `expected a loopback address with port ${port} free, found it taken on ${refused} and others; a program that listens on 0.0.0.0:${port} takes it on all addresses`,
    { retry: true },
  )
}

const usedAddresses = async (context: GroupContext): Promise<Set<string>> => {
  const { entries } = await context.store.list('address/')
  return new Set(entries.map((entry) => entry.key.slice('address/'.length)))
}

export const allocate = async (
  context: GroupContext,
  spec: GroupSpec,
  cell: StateCell,
  nodeIds: readonly string[],
  uses: readonly EndpointUse[],
): Promise<void> => {
  const used = await usedAddresses(context)
  const conditions: Condition[] = []
  const operations: Operation[] = []
  const take = (address: string, use: string): void => {
    const owner: AddressOwner = { group: groupName(spec), use }
    conditions.push(absent(addressKey(address)))
    operations.push(put(addressKey(address), owner))
  }

  const nodes: Record<string, NodeState> = {}
  for (const shard of spec.shards) {
    for (const node of shard.nodes) {
      if (!nodeIds.includes(node.id)) continue
      const { address } = await choose(context, nodeAddresses(context.block, zoneIndex(node.zone)), spec.port, used)
      take(address, node.id)
      nodes[node.id] = {
        id: node.id,
        shard: shard.id,
        address,
        port: spec.port,
        status: 'creating',
        process: null,
        starting: false,
        engine: spec.engine,
        engineVersion: engineServing(context.catalog, spec, cell.value)?.version ?? spec.engineVersion,
        nodeType: spec.nodeType,
        parameters: {},
        parameterStatus: 'in-sync',
        rebootsDone: node.reboots,
        clusterNodeId: spec.kind === 'cme' ? context.newClusterNodeId() : null,
        joined: false,
      }
    }
  }
  const endpoints: Partial<Record<EndpointUse, Endpoint>> = {}
  for (const use of uses) {
    const { address } = await choose(context, endpointAddresses(context.block), spec.port, used)
    take(address, use)
    endpoints[use] = { address, port: spec.port }
  }
  await cell.update(
    (state) => ({
      ...state,
      nodes: { ...state.nodes, ...nodes },
      primaryEndpoint: endpoints.primary ?? state.primaryEndpoint,
      readerEndpoint: endpoints.reader ?? state.readerEndpoint,
      configurationEndpoint: endpoints.configuration ?? state.configurationEndpoint,
    }),
    operations,
    conditions,
  )
}
