/** Slots that move from one node of a cluster to another, and nodes that come. */
import { type Server, until } from './servers.ts'

export const idOf = async (node: Server): Promise<string> => String(await node.command('CLUSTER', 'MYID'))

/** As operators do, key by key; the slot is on its way for as long as `between` takes. */
export const move = async (slot: number, from: Server, to: Server, others: readonly Server[], between: () => Promise<void>) => {
  const [source, target] = [await idOf(from), await idOf(to)]
  await to.command('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', source)
  await from.command('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', target)
  for (let turn = 0; turn < 1_000; turn += 1) {
    const names = (await from.command('CLUSTER', 'GETKEYSINSLOT', String(slot), '1')) as readonly string[]
    await between()
    const [key] = names
    if (key === undefined) break
    await from.command('MIGRATE', to.address, String(to.port), key, '0', '5000')
  }
  for (const node of [to, from, ...others]) await node.command('CLUSTER', 'SETSLOT', String(slot), 'NODE', target)
}

export const addNode = async (nodes: readonly Server[], node: Server) => {
  await nodes[0]?.command('CLUSTER', 'MEET', node.address, String(node.port))
  const knows = async (one: Server) =>
    String(await one.command('CLUSTER', 'NODES'))
      .trim()
      .split('\n')
      .filter((line) => !/handshake|noaddr/.test(line)).length ===
    nodes.length + 1
  for (const one of [...nodes, node]) await until('they know each other', () => knows(one))
  await until('it is ready', async () => /cluster_state:ok/.test(String(await node.command('CLUSTER', 'INFO'))))
}
export const clusterArgs = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-require-full-coverage', 'no']

/** As Valkey 9 does by itself, all at once. */
export const moveWhole = async (slot: number, from: Server, to: Server): Promise<void> => {
  await from.command('CLUSTER', 'MIGRATESLOTS', 'SLOTSRANGE', String(slot), String(slot), 'NODE', await idOf(to))
  const has = async (): Promise<boolean> => {
    const own = /myself.*$/m.exec(String(await to.command('CLUSTER', 'NODES')))?.[0] ?? ''
    return own
      .split(' ')
      .slice(6)
      .some((range) => {
        const [first, last] = range.split('-').map(Number)
        return first !== undefined && slot >= first && slot <= (last ?? first)
      })
  }
  await until('it has the slot', has)
}
