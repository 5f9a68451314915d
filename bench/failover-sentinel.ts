/** A primary, two replicas and three Sentinels that hold a node for dead after a second. */
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
import type { Fault } from './support/failover-rounds.ts'
import { until } from './support/waiting.ts'

const name = 'rival'
const failoverTimeoutMs = 10_000
/** Sentinels at a second often hold the new primary for dead too, a second after they made it one, and switch again: that is waited for. */
const calmMs = 2_500

/** Pairs of names and values, as Sentinels describe a node. */
const fields = (answer: unknown): Readonly<Record<string, string>> => {
  const texts = Array.isArray(answer) ? answer.map(String) : []
  return Object.fromEntries(texts.flatMap((text, index) => (index % 2 === 0 ? [[text, texts[index + 1] ?? '']] : [])))
}

interface Sentinels extends Rival {
  /** How often they have switched once more after a fault, so far; each time writes to the first new primary may be lost. */
  needlessSwitches(): number
}

const open = async (byHand: ByHand, signal: AbortSignal): Promise<Sentinels> => {
  const engine = engineOf()
  const first = startNode(byHand, engine, common)
  const follow: Configure = (address, folder) => [...common(address, folder), `replicaof ${first.place.address} ${port}`]
  const nodes = [first, startNode(byHand, engine, follow), startNode(byHand, engine, follow)]
  await until('the replicas follow', () => everyoneFollows(nodes, 1), { signal })
  const watch: Configure = (address, folder) => [
    `bind ${address}`,
    `port ${port}`,
    `dir ${folder}`,
    'protected-mode no',
    `sentinel announce-ip ${address}`,
    `sentinel monitor ${name} ${first.place.address} ${port} 2`,
    `sentinel down-after-milliseconds ${name} ${deadAfterMs}`,
    `sentinel failover-timeout ${name} ${failoverTimeoutMs}`,
    `sentinel parallel-syncs ${name} 1`,
  ]
  const sentinels = [1, 2, 3].map(() => startNode(byHand, engine, watch, '--sentinel'))
  const leader = sentinels[0]
  if (leader === undefined) throw new Error('expected a Sentinel')

  const named = async (sentinel: Node): Promise<Node> => {
    const answer = await ask(sentinel, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)
    const address = Array.isArray(answer) ? String(answer[0]) : ''
    const node = nodes.find((each) => each.place.address === address)
    if (node === undefined) throw new Error(`expected one of the nodes, found ${address}`)
    return node
  }
  /** What all Sentinels say; null while they do not agree. */
  const primary = async (): Promise<Node | null> => {
    const [one, ...others] = await Promise.all(sentinels.map(named))
    return one !== undefined && others.every((other) => other === one) ? one : null
  }
  const isContent = async (sentinel: Node): Promise<boolean> => {
    const master = fields(await ask(sentinel, 'SENTINEL', 'MASTER', name))
    const replicas = await ask(sentinel, 'SENTINEL', 'REPLICAS', name)
    const flags = Array.isArray(replicas) ? replicas.map((replica) => fields(replica)['flags']) : []
    const knowsAll = master['flags'] === 'master' && master['num-other-sentinels'] === '2' && flags.length === 2
    return knowsAll && flags.every((flag) => flag === 'slave')
  }
  const isWhole = async (): Promise<boolean> =>
    (await everyoneFollows(nodes, 1)) && (await Promise.all(sentinels.map(isContent))).every(Boolean)
  await until('the Sentinels know all', isWhole, { signal })

  let before = first
  let epoch = 0
  let needless = 0
  const epochNow = async (): Promise<number> => Number(fields(await ask(leader, 'SENTINEL', 'MASTER', name))['config-epoch'])
  /** What was lost comes back as a replica of the new primary; left alone it would come back as a primary, and be told after 8 s. */
  const mend = async (): Promise<void> => {
    let present = before
    await until(
      'another primary',
      async () => {
        present = (await primary()) ?? before
        return present !== before
      },
      { signal },
    )
    const { address } = present.place
    for (const node of nodes) {
      if (isAlive(node)) process.kill(node.pid, 'SIGCONT')
      else startAgain(byHand, engine, node, '--replicaof', address, String(port))
    }
    await until('an answer', async () => String(await ask(before, 'REPLICAOF', address, String(port))).startsWith('OK'), {
      signal,
    })
    let since = performance.now()
    const isCalm = async (): Promise<boolean> => {
      const whole = await isWhole().catch(() => false)
      if (!whole) since = performance.now()
      return performance.now() - since > calmMs
    }
    await until('everyone follows, and goes on to', isCalm, { signal, everyMs: 50 })
    needless += (await epochNow()) - epoch - 1
  }
  const fault = (strike: (node: Node) => Promise<unknown> | unknown): Fault => ({
    prepare: async () => {
      const present = await primary()
      if (present === null) throw new Error('expected the Sentinels to agree on a primary')
      before = present
      epoch = await epochNow()
      return () => strike(present)
    },
    mend,
    steps: null,
  })
  /** Resolves when the Sentinel that was asked names another primary. */
  const switched = async (node: Node, ...how: readonly string[]): Promise<void> => {
    await ask(leader, 'SENTINEL', 'FAILOVER', name, ...how)
    await until('the switch', async () => (await named(leader)) !== node, { signal })
  }
  return {
    target: { kind: 'sentinel', places: sentinels.map(({ place }) => place), name },
    faults: {
      kill: fault(({ pid }) => process.kill(pid, 'SIGKILL')),
      hang: fault(({ pid }) => process.kill(pid, 'SIGSTOP')),
      planned: fault((node) => switched(node)),
      'planned, coordinated': fault((node) => switched(node, 'COORDINATED')),
    },
    needlessSwitches: () => needless,
    [Symbol.asyncDispose]: () => byHand[Symbol.asyncDispose](),
  }
}

export const openSentinels = async (signal: AbortSignal): Promise<Sentinels> => {
  const byHand = openByHand()
  try {
    return await open(byHand, signal)
  } catch (error) {
    await byHand[Symbol.asyncDispose]()
    throw error
  }
}
