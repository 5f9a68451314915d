/** One life of Larder after the other over a simulated world: the real controllers, with a store that may fail, and deaths at any write. */

import { createConnections } from '../../controllers/groups/connections.ts'
import type { GroupContext } from '../../controllers/groups/context.ts'
import { createManager, type Manager } from '../../controllers/groups/manager.ts'
import type { Decision } from '../../decide/actions.ts'
import type { GroupInput } from '../../decide/input.ts'
import { LarderError } from '../../errors.ts'
import type { ShardState } from '../../model/group.ts'
import type { Catalog, InstalledEngine } from '../../ports/catalog.ts'
import type { Operation, Store } from '../../ports/store.ts'
import { createSealer } from '../../security/seal.ts'
import { noCertificates } from '../fixtures.ts'
import type { Random } from './random.ts'
import type { SimWorld } from './world.ts'

const engine: InstalledEngine = { engine: 'valkey', version: '9.1.2', source: 'folder', path: '/fake', command: ['fake'] }
const catalog: Catalog = {
  list: () => [engine],
  known: () => [{ engine: 'valkey', version: '9.1.2', installed: true }],
  find: () => engine,
}

export interface Lives {
  start(): void
  /** Ends the present life at once. */
  kill(): void
  /** It dies at the write after so many others, before or after it. */
  killAtWrite(writes: number, phase: 'before' | 'after', onDeath: () => void): void
  /** Chance that a write fails, before or after it was made. */
  storeTrouble: number
  /** Writes take up to so many milliseconds. */
  storeSlowness: number
  killAtCommand(commands: number, after: boolean, onDeath: () => void): void
  diesAtCommand(after: boolean): boolean
  readonly isRunning: boolean
}

interface LivesOptions {
  readonly world: SimWorld
  readonly store: Store
  readonly random: Random
  readonly decide: (input: GroupInput) => Decision
  readonly onTargets: (shards: Readonly<Record<string, ShardState>>) => void
  readonly note: (text: string) => void
}

/** The shards of a state record without reading all of it. */
const shardsIn = (operations: readonly Operation[]): Readonly<Record<string, ShardState>> | null => {
  for (const operation of operations) {
    if (!('put' in operation) || !operation.put.startsWith('state/')) continue
    const from = operation.value.indexOf('"shards":')
    const to = operation.value.indexOf(',"nodes":', from)
    if (from < 0 || to < 0)
      throw new TypeError(`expected shards before nodes in a state record, found ${operation.value.slice(0, 200)}`)
    return JSON.parse(operation.value.slice(from + '"shards":'.length, to)) as Record<string, ShardState>
  }
  return null
}

const failed = (): LarderError => new LarderError('store-failed', 'the disk is full', { retry: true })
const never = <T>(): Promise<T> => new Promise(() => undefined)

export const createLives = ({ world, store, random, decide, onTargets, note }: LivesOptions): Lives => {
  let life = 0
  let running: Manager | null = null
  let death: { writes: number; readonly phase: 'before' | 'after'; readonly onDeath: () => void } | null = null

  let commandDeath: { commands: number; readonly after: boolean; readonly onDeath: () => void } | null = null

  const die = (): void => {
    if (running === null) return
    note('Larder dies')
    life += 1
    running = null
    death = null
    commandDeath = null
  }

  const lives: Lives = {
    storeTrouble: 0,
    storeSlowness: 0,
    killAtCommand(commands, after, onDeath) {
      commandDeath = { commands, after, onDeath }
    },
    diesAtCommand(after) {
      if (commandDeath === null || commandDeath.after !== after) return false
      commandDeath.commands -= 1
      if (commandDeath.commands > 0) return false
      const { onDeath } = commandDeath
      die()
      onDeath()
      return true
    },
    get isRunning() {
      return running !== null
    },
    kill: die,
    killAtWrite(writes, phase, onDeath) {
      death = { writes, phase, onDeath }
    },
    start() {
      life += 1
      const mine = life
      const isDead = (): boolean => life !== mine
      const ports = world.ports(isDead)
      const dieIf = (phase: 'before' | 'after'): boolean => {
        if (death === null || death.phase !== phase || death.writes > 0) return false
        const { onDeath } = death
        die()
        onDeath()
        return true
      }
      const mortal: Store = {
        ...store,
        get: (key) => (isDead() ? never() : store.get(key)),
        list: (prefix, options) => (isDead() ? never() : store.list(prefix, options)),
        async transact(conditions, operations) {
          if (isDead()) return never()
          if (death !== null) death.writes -= 1
          if (dieIf('before')) return never()
          if (lives.storeSlowness > 0) {
            await ports.clock.sleep(random.between(0, lives.storeSlowness))
            if (isDead()) return never()
          }
          const fails = lives.storeTrouble > 0 && random.chance(lives.storeTrouble)
          if (fails && random.chance(0.5)) throw failed()
          const result = await store.transact(conditions, operations)
          const shards = result.ok ? shardsIn(operations) : null
          if (shards !== null) onTargets(shards)
          if (dieIf('after')) return never()
          if (fails) throw failed()
          return result
        },
      }
      let chain: Promise<unknown> = Promise.resolve()
      let manager: Manager | null = null
      let said = ''
      const context: Omit<GroupContext, 'health'> = {
        decide,
        store: mortal,
        host: ports.host,
        catalog,
        certificates: noCertificates,
        logins: () => null,
        discoveryModule: () => null,
        balancer: ports.balancer,
        guarding: { ensure: async () => undefined },
        clock: ports.clock,
        log: (_level, message, fields) => {
          if (!isDead()) note(`log: ${message}${fields === undefined ? '' : ` ${textOf(fields)}`}`)
        },
        block: { first: 64 },
        machine: { name: 'machine', processors: 2, user: null, openFiles: null },
        secrets: { control: 'c', replication: 'r' },
        sealer: createSealer(new Uint8Array(32)),
        adapter: () => ports.adapter,
        place: (region, id) => ({
          folder: `/sim/${region}/${id}`,
          socket: `/sim/run/${region}-${id}.sock`,
          tag: `/sim/${region}/${id}/`,
        }),
        connections: createConnections((name) => manager?.connectionLost(name)),
        allocating: (work) => {
          const next = chain.then(work)
          chain = next.catch(() => undefined) // told to who asked
          return next
        },
        newClusterNodeId: () => random.hex(40),
        unique: () => random.hex(8),
        nodeFolders: async () => [],
        setAside: async (folder) => folder,
        readPersisted: async (folder) => {
          const { log = null, damaged = false } = world.disks.get(folder) ?? {}
          const { length } = log ?? []
          return length === 0
            ? { kind: 'none', offset: null, modifiedAt: 0 }
            : { kind: 'aof', offset: null, modifiedAt: length, loadMs: length, stamp: `${length} ${damaged}` }
        },
        closeHoles: async () => 0,
        onProgress: (_key, text) => {
          if (!isDead() && text !== said) note(`progress: ${text}`)
          said = text
        },
      }
      manager = createManager(context)
      running = manager
      note('Larder starts')
      manager.start().catch((error: unknown) => note(`log: the start failed ${String(error)}`))
    },
  }
  return lives
}

const textOf = (fields: object): string =>
  JSON.stringify(fields, (_key, value: unknown) => (value instanceof Error ? value.message : value)).slice(0, 400)
