/** Three shards with a replica each, that elect a new primary by themselves after a node timeout of a second. */
import { type ByHand, openByHand } from './support/by-hand.ts'
import {
  ask,
  type Configure,
  common,
  deadAfterMs,
  engineOf,
  everyoneFollows,
  isAlive,
  type Node,
  port,
  type Rival,
  startAgain,
  startNode,
} from './support/failover-nodes.ts'
import { until } from './support/waiting.ts'

const shards = 3
const slots = 16_384

const clustered: Configure = (address, folder) => [
  ...common(address, folder),
  'cluster-enabled yes',
  'cluster-config-file nodes.conf',
  `cluster-node-timeout ${deadAfterMs}`,
  `cluster-announce-ip ${address}`,
]

const owns = (nodesLine: string, slot: number): boolean =>
  nodesLine
    .split(' ')
    .slice(8)
    .some((range) => {
      const [low = slots, high = low] = range.split('-').map(Number)
      return low <= slot && slot <= high
    })

const open = async (byHand: ByHand, slot: number, signal: AbortSignal): Promise<Rival> => {
  const engine = engineOf()
  const nodes = Array.from({ length: 2 * shards }, () => startNode(byHand, engine, clustered))
  const primaries = nodes.slice(0, shards)
  const every = async (check: (node: Node) => Promise<boolean>, among = nodes): Promise<boolean> =>
    (await Promise.all(among.map(check))).every(Boolean)
  await until('the nodes answer', () => every(async (node) => (await ask(node, 'PING')) === 'PONG'), { signal })
  for (const [index, node] of primaries.entries()) {
    const [low, next] = [index, index + 1].map((each) => Math.floor((each * slots) / shards))
    await ask(node, 'CLUSTER', 'ADDSLOTSRANGE', String(low), String((next ?? slots) - 1))
    await ask(node, 'CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
  }
  const [first, ...others] = nodes
  if (first === undefined) throw new Error('expected a node')
  for (const { place } of others) await ask(first, 'CLUSTER', 'MEET', place.address, String(port))
  const isOk = async (node: Node): Promise<boolean> => {
    const said = String(await ask(node, 'CLUSTER', 'INFO'))
    return said.includes('cluster_state:ok') && said.includes(`cluster_known_nodes:${nodes.length}`)
  }
  await until('the primaries know all', () => every(isOk, primaries), { signal })
  for (const [index, node] of primaries.entries()) {
    const replica = nodes[index + shards]
    const id = String(await ask(node, 'CLUSTER', 'MYID'))
    if (replica !== undefined)
      await until('the replica follows', async () => (await ask(replica, 'CLUSTER', 'REPLICATE', id)) === 'OK', { signal })
  }
  const seesNoFailure = async (node: Node): Promise<boolean> =>
    !/\bfail\b|fail\?|handshake/.test(String(await ask(node, 'CLUSTER', 'NODES')))
  const isWhole = async (): Promise<boolean> =>
    (await everyoneFollows(nodes, shards)) && (await every(isOk)) && (await every(seesNoFailure))
  await until('the cluster is whole', isWhole, { signal })

  const primary = async (): Promise<Node> => {
    for (const node of nodes) {
      const lines = String(await ask(node, 'CLUSTER', 'NODES')).split('\n')
      if (owns(lines.find((text) => text.includes('myself,master')) ?? '', slot)) return node
    }
    throw new Error(`expected a primary of slot ${slot}, found none`)
  }
  return {
    target: { kind: 'cluster', places: nodes.map(({ place }) => place) },
    faults: {
      [`kill, ${shards} sh.`]: {
        prepare: async () => {
          const { pid } = await primary()
          return () => process.kill(pid, 'SIGKILL')
        },
        mend: async () => {
          for (const node of nodes) if (!isAlive(node)) startAgain(byHand, engine, node)
          await until('the cluster is whole', isWhole, { signal })
        },
        steps: null,
      },
    },
    [Symbol.asyncDispose]: () => byHand[Symbol.asyncDispose](),
  }
}

/** `slot` is the one that the writers need. */
export const openElection = async (slot: number, signal: AbortSignal): Promise<Rival> => {
  const byHand = openByHand()
  try {
    return await open(byHand, slot, signal)
  } catch (error) {
    await byHand[Symbol.asyncDispose]()
    throw error
  }
}
