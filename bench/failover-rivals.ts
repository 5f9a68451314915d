/** What a user would have instead, with the same engine: three Sentinels, and the engine's own election in cluster mode. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCatalog } from '../packages/service/src/engines/catalog.ts'
import type { InstalledEngine } from '../packages/service/src/ports/catalog.ts'
import { command, type Place, untilDone } from './support/asking.ts'
import { type ByHand, openByHand } from './support/by-hand.ts'
import type { Target } from './support/failover-writers.ts'

export interface Rival extends AsyncDisposable {
  readonly target: Target
  /** The primary that the writers need. */
  primary(): Promise<{ readonly place: Place; readonly pid: number }>
  /** What has ended is started again, what is stopped goes on, and everybody follows. */
  mend(): Promise<void>
  /** A planned switch; null where it has none to measure. */
  readonly planned: (() => Promise<void>) | null
}

const port = 6379
const name = 'rival'
const timeoutMs = 1_000

const engineOf = (): InstalledEngine => {
  const engine = openCatalog(process.env).find('valkey', '9.1')
  if (engine === null) throw new Error('expected Valkey 9.1 to be installed: larder engines install valkey@9.1')
  return engine
}

interface Node {
  readonly place: Place
  readonly folder: string
  pid: number
}

const common = (address: string, folder: string): readonly string[] => [
  `bind ${address}`,
  `port ${port}`,
  `dir ${folder}`,
  'protected-mode no',
  'save ""',
  `replica-announce-ip ${address}`,
  `bind-source-addr ${address}`,
  'repl-diskless-sync-delay 0',
]

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false // it has ended
  }
}

const startNode = (
  byHand: ByHand,
  engine: InstalledEngine,
  lines: (address: string, folder: string) => readonly string[],
  extra: readonly string[] = [],
): Node => {
  const address = byHand.address()
  const folder = join(byHand.folder, address)
  mkdirSync(folder)
  const file = join(folder, 'engine.conf')
  writeFileSync(file, `${lines(address, folder).join('\n')}\n`)
  return { place: { address, port }, folder, pid: byHand.start([...engine.command, file, ...extra], folder) }
}

/** As a supervisor would: the same configuration, which the engine itself has rewritten meanwhile. */
const restart = (byHand: ByHand, engine: InstalledEngine, nodes: readonly Node[]): void => {
  for (const node of nodes) {
    if (isAlive(node.pid)) process.kill(node.pid, 'SIGCONT')
    else node.pid = byHand.start([...engine.command, join(node.folder, 'engine.conf')], node.folder)
  }
}

const roleOf = async (node: Node): Promise<readonly unknown[]> => {
  const role = await command(node.place, 'ROLE')
  return Array.isArray(role) ? role : []
}

const untilFollowing = (nodes: readonly Node[], primaries: number): Promise<void> =>
  untilDone(
    'the rival is whole',
    async () => {
      const roles = await Promise.all(nodes.map(roleOf))
      const replicas = roles.filter((role) => role[0] === 'slave' && role[3] === 'connected')
      return roles.filter((role) => role[0] === 'master').length === primaries && replicas.length === nodes.length - primaries
    },
    60_000,
  )

/** A primary, two replicas and three Sentinels that hold a node for dead after a second. */
export const openSentinels = async (): Promise<Rival> => {
  const engine = engineOf()
  const byHand = openByHand()
  try {
    const primary = startNode(byHand, engine, common)
    const follow = (address: string, folder: string) => [...common(address, folder), `replicaof ${primary.place.address} ${port}`]
    const nodes = [primary, startNode(byHand, engine, follow), startNode(byHand, engine, follow)]
    await untilFollowing(nodes, 1)
    const watch = (address: string, folder: string): readonly string[] => [
      `bind ${address}`,
      `port ${port}`,
      `dir ${folder}`,
      'protected-mode no',
      `sentinel announce-ip ${address}`,
      `sentinel monitor ${name} ${primary.place.address} ${port} 2`,
      `sentinel down-after-milliseconds ${name} ${timeoutMs}`,
      `sentinel failover-timeout ${name} ${2 * timeoutMs}`,
      `sentinel parallel-syncs ${name} 2`,
    ]
    const sentinels = [1, 2, 3].map(() => startNode(byHand, engine, watch, ['--sentinel']))
    const [first] = sentinels
    if (first === undefined) throw new Error('expected a Sentinel')
    const knows = async (sentinel: Node): Promise<boolean> => {
      const said = await command(sentinel.place, 'SENTINEL', 'MASTER', name)
      const fields = Array.isArray(said) ? said.map(String) : []
      const told = (field: string): string => fields[fields.indexOf(field) + 1] ?? ''
      return told('num-slaves') === '2' && told('num-other-sentinels') === '2' && told('flags') === 'master'
    }
    const whole = async (): Promise<void> => {
      await untilFollowing(nodes, 1)
      await untilDone('all Sentinels know all', async () => (await Promise.all(sentinels.map(knows))).every(Boolean), 60_000)
    }
    await whole()
    const present = async () => {
      const answer = await command(first.place, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)
      const address = Array.isArray(answer) ? String(answer[0]) : ''
      const node = nodes.find((each) => each.place.address === address)
      if (node === undefined) throw new Error(`expected one of the nodes, found ${address}`)
      return node
    }
    return {
      target: { kind: 'sentinel', places: sentinels.map(({ place }) => place), name },
      primary: present,
      planned: async () => {
        const before = await present()
        await command(first.place, 'SENTINEL', 'FAILOVER', name)
        await untilDone('the switch', async () => (await present()) !== before)
      },
      mend: async () => {
        restart(byHand, engine, nodes)
        await whole()
      },
      [Symbol.asyncDispose]: () => byHand[Symbol.asyncDispose](),
    }
  } catch (error) {
    await byHand[Symbol.asyncDispose]()
    throw error
  }
}

/** Three shards with a replica each, that elect themselves after a node timeout of a second. */
export const openElection = async (slot: number): Promise<Rival> => {
  const engine = engineOf()
  const byHand = openByHand()
  try {
    const clustered = (address: string, folder: string) => [
      ...common(address, folder),
      'cluster-enabled yes',
      'cluster-config-file nodes.conf',
      `cluster-node-timeout ${timeoutMs}`,
      `cluster-announce-ip ${address}`,
    ]
    const nodes = Array.from({ length: 6 }, () => startNode(byHand, engine, clustered))
    const primaries = nodes.slice(0, 3)
    await untilDone('the nodes answer', async () =>
      (await Promise.all(nodes.map(({ place }) => command(place, 'PING')))).every((said) => said === 'PONG'),
    )
    const size = Math.floor(16_384 / primaries.length)
    for (const [index, node] of primaries.entries()) {
      const last = index === primaries.length - 1 ? 16_383 : (index + 1) * size - 1
      await command(node.place, 'CLUSTER', 'ADDSLOTSRANGE', String(index * size), String(last))
      await command(node.place, 'CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
    }
    const [first] = nodes
    if (first === undefined) throw new Error('expected a node')
    for (const node of nodes.slice(1)) await command(first.place, 'CLUSTER', 'MEET', node.place.address, String(port))
    const isOk = async ({ place }: Node): Promise<boolean> =>
      /cluster_state:ok[\s\S]*cluster_known_nodes:6/.test(String(await command(place, 'CLUSTER', 'INFO')))
    await untilDone('the primaries know all', async () => (await Promise.all(primaries.map(isOk))).every(Boolean))
    for (const [index, node] of primaries.entries()) {
      const id = String(await command(node.place, 'CLUSTER', 'MYID'))
      const replica = nodes[index + 3]
      if (replica !== undefined)
        await untilDone('the replica follows', async () => (await command(replica.place, 'CLUSTER', 'REPLICATE', id)) === 'OK')
    }
    const whole = async (): Promise<void> => {
      await untilFollowing(nodes, 3)
      await untilDone('the cluster is whole', async () => (await Promise.all(nodes.map(isOk))).every(Boolean), 60_000)
    }
    await whole()
    const present = async (): Promise<Node> => {
      for (const node of nodes) {
        const lines = String(await command(node.place, 'CLUSTER', 'NODES')).split('\n')
        const mine = lines.find((text) => text.includes('myself,master')) ?? ''
        const ranges = mine
          .split(' ')
          .slice(8)
          .map((text) => text.split('-').map(Number))
        if (ranges.some(([low = 0, high = low]) => low <= slot && slot <= high)) return node
      }
      throw new Error(`expected a primary of slot ${slot}, found none`)
    }
    return {
      target: { kind: 'cluster', places: nodes.map(({ place }) => place) },
      primary: present,
      planned: null,
      mend: async () => {
        restart(byHand, engine, nodes)
        await whole()
      },
      [Symbol.asyncDispose]: () => byHand[Symbol.asyncDispose](),
    }
  } catch (error) {
    await byHand[Symbol.asyncDispose]()
    throw error
  }
}
