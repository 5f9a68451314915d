/** Engines by hand that are killed, stopped and started again. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCatalog } from '../../packages/service/src/engines/catalog.ts'
import { ReplyError } from '../../packages/service/src/engines/valkey/resp.ts'
import type { InstalledEngine } from '../../packages/service/src/ports/catalog.ts'
import { command, type Place } from './asking.ts'
import type { ByHand } from './by-hand.ts'
import type { Target } from './failover-clients.ts'
import type { Fault } from './failover-rounds.ts'

/** What a user would have instead. */
export interface Rival extends AsyncDisposable {
  readonly target: Target
  /** By what they are called in the tables. */
  readonly faults: Readonly<Record<string, Fault>>
}

export const port = 6379
/** A node that is silent for so long is held for dead. */
export const deadAfterMs = 1_000

export const engineOf = (): InstalledEngine => {
  const engine = openCatalog(process.env).find('valkey', '9.1')
  if (engine === null) throw new Error('expected Valkey 9.1 to be installed: larder engines install valkey@9.1')
  return engine
}

export interface Node {
  readonly place: Place
  readonly folder: string
  pid: number
}

export type Configure = (address: string, folder: string) => readonly string[]

export const common: Configure = (address, folder) => [
  `bind ${address}`,
  `port ${port}`,
  `dir ${folder}`,
  'protected-mode no',
  'save ""',
  `replica-announce-ip ${address}`,
  `bind-source-addr ${address}`,
  'repl-diskless-sync-delay 0',
]

const commandOf = (engine: InstalledEngine, folder: string, extra: readonly string[]): readonly string[] => [
  ...engine.command,
  join(folder, 'engine.conf'),
  ...extra,
]

export const startNode = (byHand: ByHand, engine: InstalledEngine, configure: Configure, ...extra: readonly string[]): Node => {
  const address = byHand.address()
  const folder = join(byHand.folder, address)
  mkdirSync(folder)
  writeFileSync(join(folder, 'engine.conf'), `${configure(address, folder).join('\n')}\n`)
  return { place: { address, port }, folder, pid: byHand.start(commandOf(engine, folder, extra), folder) }
}

/** With the configuration that it had, as the engine itself has rewritten it meanwhile. */
export const startAgain = (byHand: ByHand, engine: InstalledEngine, node: Node, ...extra: readonly string[]): void => {
  node.pid = byHand.start(commandOf(engine, node.folder, extra), node.folder)
}

export const isAlive = ({ pid }: Node): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false // it has ended
  }
}

/** Throws what the engine refuses. */
export const ask = async ({ place }: Node, ...args: readonly string[]): Promise<unknown> => {
  const answer = await command(place, ...args)
  if (answer instanceof ReplyError) throw answer
  return answer
}

/** So many primaries, and every other node follows one. */
export const everyoneFollows = async (nodes: readonly Node[], primaries: number): Promise<boolean> => {
  const roles = await Promise.all(nodes.map((node) => ask(node, 'ROLE')))
  const lists = roles.map((role): readonly unknown[] => (Array.isArray(role) ? role : []))
  const following = lists.filter((role) => role[0] === 'slave' && role[3] === 'connected')
  return lists.filter((role) => role[0] === 'master').length === primaries && following.length === nodes.length - primaries
}
