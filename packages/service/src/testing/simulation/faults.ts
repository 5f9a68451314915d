/** What goes wrong, by the seed. */
import type { GroupSpec } from '../../model/group.ts'
import { zoneKey } from '../../model/zone-records.ts'
import { put, remove } from '../../ports/records.ts'
import { nodeSpec } from '../fixtures.ts'
import { isReplica, type SimEngine } from './engine.ts'
import type { Random } from './random.ts'
import { type Fault, request, type Stage } from './stage.ts'

const shardOf = ({ random, world }: Stage): readonly SimEngine[] => {
  const living = world.living()
  if (living.length === 0) return []
  const { shard } = random.pick(living)
  return living.filter((engine) => engine.shard === shard)
}
const primaryOf = (engines: readonly SimEngine[]): SimEngine | undefined => engines.find((engine) => !isReplica(engine))

const kill = ({ world, note }: Stage, engine: SimEngine | undefined): void => {
  if (engine === undefined || !engine.alive) return
  note(`fault: ${engine.id} is killed`)
  world.kill(engine)
}

const killAll = (stage: Stage, engines: readonly SimEngine[]): void => {
  for (const engine of engines) kill(stage, engine)
}

const inOneShard = (
  stage: Stage,
  spec: GroupSpec,
  change: (shard: GroupSpec['shards'][number]) => GroupSpec['shards'][number],
): GroupSpec => {
  const chosen = stage.random.between(0, spec.shards.length - 1)
  return { ...spec, shards: spec.shards.map((shard, index) => (index === chosen ? change(shard) : shard)) }
}

const stop = ({ world, time, random, note }: Stage, engine: SimEngine | undefined): void => {
  if (engine === undefined) return
  const stuck = random.chance(0.25)
  note(`fault: ${engine.id} is ${stuck ? 'stuck' : 'stopped'}`)
  world.stop(engine, stuck)
  if (random.chance(0.6)) {
    time.after(random.between(50, 3_000), () => {
      note(`${engine.id} goes on`)
      world.resume(engine)
    })
  }
}

const restartLarder = ({ lives, time, random, world }: Stage): void => {
  time.after(random.between(10, 1_500), () => {
    if (!lives.isRunning && time.now() >= world.trouble.awayUntil) lives.start()
  })
}

const trouble = (
  { time, random, world, lives, note }: Stage,
  which: 'answers' | 'starts' | 'store' | 'slow answers' | 'slow store',
): void => {
  note(`fault: trouble with ${which}`)
  const set = (chance: number): void => {
    if (which === 'answers' || which === 'slow answers') world.trouble.unheardAt = time.now()
    if (which === 'answers') world.trouble.lostAnswers = chance
    else if (which === 'starts') world.trouble.failedStarts = chance
    else if (which === 'slow answers') world.trouble.slowness = Math.floor(chance * 700)
    else if (which === 'slow store') lives.storeSlowness = Math.floor(chance * 500)
    else lives.storeTrouble = chance
  }
  set(random.pick([0.1, 0.3, 0.7]))
  time.after(random.between(100, 2_000), () => set(0))
}

const zoneLoss = (stage: Stage): void => {
  const { store, random, time, spec, note } = stage
  const zone = random.pick([...new Set(spec.shards.flatMap((shard) => shard.nodes.map((node) => node.zone)))])
  note(`fault: ${zone} goes down`)
  const write = (what: Promise<unknown>): void => {
    what.catch((error: unknown) => note(`request failed: ${String(error)}`))
  }
  const key = zoneKey(spec.region, zone)
  write(store.transact([], [put(key, { region: spec.region, zone, downSince: time.now() })]))
  time.after(random.between(200, 3_000), () => {
    note(`${zone} comes up`)
    write(store.transact([], [remove(key)]))
  })
}

/** Fewest nodes of a shard: where one takes over by itself there has to be one. */
const leastNodes = ({ kind, automaticFailover }: GroupSpec): number => (kind === 'cmd' && automaticFailover ? 2 : 1)

/** Some nodes of a shard are no longer wanted; the primary is one of them more often than not. */
const scaleIn = (stage: Stage): void =>
  request(stage, (spec, state) =>
    inOneShard(stage, spec, (shard) => {
      const primary = state.shards[shard.id]?.primary
      const most = shard.nodes.length - leastNodes(spec)
      if (most < 1) return shard
      const nodes = [...shard.nodes]
      for (let count = stage.random.between(1, most); count > 0; count -= 1) {
        const found = stage.random.chance(0.5) ? nodes.findIndex((node) => node.id === primary) : -1
        nodes.splice(found < 0 ? stage.random.between(0, nodes.length - 1) : found, 1)
      }
      // A reboot of one that is alone loses everything, as whoever asks for it knows.
      const isToReboot = nodes.some((node) => node.reboots > (state.nodes[node.id]?.rebootsDone ?? 0))
      return nodes.length === 1 && isToReboot ? shard : { ...shard, nodes }
    }),
  )

/** A shard gets one or two nodes more; one that is leaving may be asked back. */
const scaleOut = (stage: Stage): void =>
  request(stage, (spec) =>
    inOneShard(stage, spec, (shard) => {
      const used = new Set(shard.nodes.map((node) => node.id))
      const free = [1, 2, 3, 4, 5, 6].map((ordinal) => nodeSpec(spec.id, spec.kind, shard.id, ordinal))
      const added = free.filter((node) => !used.has(node.id)).slice(0, stage.random.between(1, 2))
      return { ...shard, nodes: [...shard.nodes, ...added] }
    }),
  )

/** Somebody dies in the middle of it. */
export const killMeanwhile = (stage: Stage, lateMs: number): void => {
  const { time, random } = stage
  const engines = shardOf(stage)
  const chosen = random.chance(0.7) ? primaryOf(engines) : engines.find(isReplica)
  time.after(random.between(0, lateMs), () => kill(stage, chosen))
}

const isLogged = ({ plan }: SimEngine): boolean => plan.parameters['appendonly'] === 'yes'

/** A whole copy stays: of a shard one disk is damaged at a time, and only where another node has data. */
const killAndDamage = (stage: Stage, engines: readonly SimEngine[], victim: SimEngine | undefined): void => {
  if (victim === undefined || !isLogged(victim)) {
    kill(stage, victim)
    return
  }
  const { world, note } = stage
  const folderOf = (id: string): string => `/sim/${stage.spec.region}/${id}`
  const others = stage.world.living().filter((other) => other.shard === victim.shard && other !== victim)
  const isOther = others.some((other) => other.log.length > 0 && other.synced)
  const nodes = stage.spec.shards.flatMap((shard) => shard.nodes)
  const isAlone = nodes.every(({ id }) => world.disks.get(folderOf(id))?.damaged !== true)
  killAll(stage, engines)
  if (!isOther || !isAlone) return
  note(`fault: the disk of ${victim.id} is damaged`)
  world.damage(folderOf(victim.id))
}

/** A replica is started anew, and its primary dies when it has just copied the data. */
const killWhenFresh = (stage: Stage): void => {
  const { time, world } = stage
  const engines = shardOf(stage)
  const [primary, replica] = [primaryOf(engines), engines.find(isReplica)]
  kill(stage, replica)
  const endsAt = time.now() + 2_000
  const look = (): void => {
    const back = world.living().find((engine) => engine.id === replica?.id)
    if (back?.synced === true) kill(stage, primary)
    else if (time.now() < endsAt) time.after(10, look)
  }
  time.after(10, look)
}

const faults: readonly (readonly [weight: number, fault: Fault])[] = [
  [6, (stage) => kill(stage, primaryOf(shardOf(stage)))],
  [3, (stage) => kill(stage, shardOf(stage).find(isReplica))],
  [
    4,
    (stage) => {
      const engines = shardOf(stage)
      kill(stage, primaryOf(engines))
      const best = engines.filter(isReplica).toSorted((a, b) => b.log.length - a.log.length)[0]
      stage.time.after(stage.random.between(0, 100), () => kill(stage, best))
    },
  ],
  [2, (stage) => killAll(stage, shardOf(stage).filter(isReplica))],
  [1, (stage) => killAll(stage, shardOf(stage))],
  [5, (stage) => stop(stage, primaryOf(shardOf(stage)))],
  [2, (stage) => stop(stage, shardOf(stage).find(isReplica))],
  [
    2,
    (stage) => {
      const engine = shardOf(stage)[0]
      if (engine === undefined) return
      stage.note(`fault: ${engine.id} is busy`)
      stage.world.busy(engine, stage.random.between(100, 6_000))
    },
  ],
  [
    3,
    (stage) => {
      stage.lives.kill()
      restartLarder(stage)
    },
  ],
  [
    5,
    (stage) => {
      stage.note('fault: Larder will die at a write')
      stage.lives.killAtWrite(stage.random.between(1, 8), stage.random.pick(['before', 'after']), () => restartLarder(stage))
    },
  ],
  [2, (stage) => trouble(stage, 'answers')],
  [2, (stage) => trouble(stage, 'starts')],
  [2, (stage) => trouble(stage, 'store')],
  [2, (stage) => trouble(stage, 'slow answers')],
  [2, (stage) => trouble(stage, 'slow store')],
  [
    5,
    (stage) => {
      stage.note('fault: Larder will die at a command')
      stage.lives.killAtCommand(stage.random.between(1, 5), stage.random.chance(0.5), () => restartLarder(stage))
    },
  ],
  // Larder is away for longer than the engines wait, and loses a primary meanwhile.
  [
    1,
    (stage) => {
      const { world, time, random, lives } = stage
      if (stage.spec.shards.length < 3) return
      lives.kill()
      world.trouble.awayUntil = time.now() + random.between(14_000, 21_000)
      time.after(world.trouble.awayUntil - time.now(), () => {
        if (!lives.isRunning) lives.start()
      })
      stage.note(`fault: Larder is away for ${world.trouble.awayUntil - time.now()} ms`)
      const primary = primaryOf(shardOf(stage))
      if (primary === undefined) return
      if (random.chance(0.4)) world.stop(primary)
      else kill(stage, primary)
    },
  ],
  // Nobody answers: the replicas are stopped, and their primary dies.
  [
    2,
    (stage) => {
      const engines = shardOf(stage)
      for (const engine of engines.filter(isReplica)) stop(stage, engine)
      const primary = primaryOf(engines)
      stage.time.after(stage.random.between(0, 900), () => kill(stage, primary))
    },
  ],
  [2, zoneLoss],
  [
    3,
    (stage) => {
      const engines = shardOf(stage)
      const victim = engines.find(isReplica)
      killAndDamage(stage, victim === undefined ? [] : [victim], victim)
    },
  ],
  [
    3,
    (stage) => {
      const engines = shardOf(stage)
      killAndDamage(stage, engines, primaryOf(engines))
    },
  ],
  [5, killWhenFresh],
  [
    6,
    (stage) =>
      request(stage, (spec, state) =>
        inOneShard(stage, spec, (shard) => {
          const present = state.shards[shard.id]
          const heir = shard.nodes.find((node) => node.id !== present?.primary)
          return present === undefined || heir === undefined
            ? shard
            : { ...shard, wantedPrimary: { id: heir.id, epoch: present.epoch } }
        }),
      ),
  ],
  [
    2,
    (stage) =>
      request(stage, (spec) =>
        spec.kind === 'cme' || spec.shards.some((shard) => shard.nodes.length < 2)
          ? null
          : inOneShard(stage, spec, (shard) => {
              const chosen = stage.random.between(0, shard.nodes.length - 1)
              const nodes = shard.nodes.map((node, index) => (index === chosen ? { ...node, reboots: node.reboots + 1 } : node))
              return { ...shard, nodes }
            }),
      ),
  ],
  [4, scaleIn],
  [
    6,
    (stage) => {
      scaleIn(stage)
      killMeanwhile(stage, 150)
    },
  ],
  [2, scaleOut],
  [
    4,
    (stage) => {
      scaleOut(stage)
      killMeanwhile(stage, 500)
    },
  ],
]

const total = faults.reduce((sum, [weight]) => sum + weight, 0)

export const someFault = (random: Random): Fault => {
  let at = random.between(1, total)
  for (const [weight, fault] of faults) {
    at -= weight
    if (at <= 0) return fault
  }
  throw new TypeError('expected a fault')
}
