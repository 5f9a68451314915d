/** One seed: a group at rest, clients that write, some faults, and then quiet, in which everything has to become whole again. */
import type { Action, Decision } from '../../decide/actions.ts'
import { decideGroup } from '../../decide/group.ts'
import type { GroupInput } from '../../decide/input.ts'
import type { GroupSpec, GroupState, SlotRange } from '../../model/group.ts'
import { specKey, stateKey } from '../../model/keys.ts'
import { slotCount, slotsWithout } from '../../model/slots.ts'
import { zoneOfAddress } from '../../model/zones.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { canRun, isReplica, propagate, type SimEngine, slotsOf, takesWrites } from './engine.ts'
import { someFault } from './faults.ts'
import { createLives } from './larder.ts'
import { createLedger, Violation } from './ledger.ts'
import { createRandom } from './random.ts'
import { reshapeNowAndThen } from './reshape.ts'
import { copyEngines, type Rest, startOfTime } from './scenario.ts'
import { writeIn } from './slots.ts'
import { createTime } from './time.ts'
import { createSimWorld, type SimWorld, shardOfNode } from './world.ts'

type Target = Extract<Action, { do: 'target' }>

export interface Outcome {
  readonly seed: number
  readonly shape: string
  readonly violation: Violation | null
  readonly acknowledged: number
  /** Acknowledged, and rightly lost: not yet at the replica that took over, or with all nodes. */
  readonly lost: number
  readonly reasons: ReadonlyMap<string, number>
  /** Virtual milliseconds from the last fault to full health. */
  readonly healedInMs: number
  readonly trace: readonly string[]
}

const writeEveryMs = 20
const faultsWithinMs = 2_500
/** Changes of the number of shards are drawn from another seed than the faults. */
const reshaping = 1_000_000
const healWithinMs = 30_000
const tracedEvents = 4_000

/** Milliseconds. */
const raceMs = 5
/** When somebody has ended, others are waited for for 100 ms: a command and its answer that each take longer than half of that may come too late. */
const heardWithinMs = 45
/** A look, and the next one before the promotion. */
const deafMs = 250

/** A replica takes over from a dead primary whose disk has what the replica has not worked off yet since its start, and nobody has tried the disk. */
const checkDisk = (
  world: SimWorld,
  { state, observed, zonesDown, spec }: GroupInput,
  { shard, primary, because }: Target,
): void => {
  const [former, heir] = [state.nodes[state.shards[shard]?.primary ?? ''], world.living().find((each) => each.id === primary)]
  if (former === undefined || heir === undefined || !because.endsWith(' is gone') || former.returning != null) return
  const zone = zoneOfAddress(spec.region, former.address) ?? ''
  const disk = world.disks.get(`/sim/${spec.region}/${former.id}`)
  if (zonesDown.has(zone) || observed.nodes[former.id]?.process !== 'absent' || disk?.log == null || disk.damaged === true) return
  if (heir.slowUntil <= world.machine.time.now() || heir.log.length >= disk.log.length) return
  throw new Violation(
    'disk first',
    `${heir.id} is to take over with ${heir.log.length} writes, the disk of ${former.id} has ${disk.log.length}`,
  )
}

/** Nobody wants the shard any more: its nodes stay as long as it owns slots. */
const checkRemoval = ({ state, spec }: GroupInput, shard: string, node: string): void => {
  const owned = slotCount(state.shards[shard]?.slots ?? [])
  if (owned > 0 && spec.shards.every(({ id }) => id !== shard))
    throw new Violation('removed shard', `${node} is to be removed, and its shard ${shard} owns ${owned} slots`)
}

const areSame = (one: readonly SlotRange[], other: readonly SlotRange[]): boolean =>
  slotsWithout(one, other).length + slotsWithout(other, one).length === 0

export const runSeed = async (
  seed: number,
  rests: readonly Rest[],
  decide: (input: GroupInput) => Decision = decideGroup,
): Promise<Outcome> => {
  const random = createRandom(seed)
  const rest = random.pick(rests)
  const time = createTime(startOfTime + 100_000)
  const trace: string[] = []
  const note = (text: string): void => {
    trace.push(`${(time.now() - startOfTime - 100_000).toFixed(0).padStart(6)} ms  ${text}`)
    if (trace.length > tracedEvents) trace.shift()
  }
  let violation: Violation | null = null
  const guarded =
    <A extends readonly unknown[]>(work: (...args: A) => void) =>
    (...args: A): void => {
      try {
        work(...args)
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        violation ??= error
      }
    }
  /** When each process died. */
  const deaths = new Map<number, number>()
  const ledger = createLedger({
    now: time.now,
    living: () => world.living(),
    isDeaf: () => {
      const { lostAnswers, slowness, unheardAt } = world.trouble
      return lostAnswers > 0 || slowness > heardWithinMs || (unheardAt > 0 && time.now() - unheardAt < deafMs)
    },
    disks: (shard) =>
      [...world.disks].flatMap(([folder, { log, damaged = false }]) => {
        const id = folder.split('/').at(-1) ?? ''
        const runs = world.living().some((engine) => engine.id === id)
        return runs || log === null || shardOfNode(rest.shape.kind, id) !== shard ? [] : [{ id, log, damaged }]
      }),
    note,
  })
  const world = createSimWorld(time, random, {
    onPrimary: guarded((engine, planned) => ledger.onPrimary(engine, planned)),
    onStart: guarded((engine, asPrimary) => ledger.onStart(engine, asPrimary)),
    onKill: guarded((engine) => {
      const ended = stops.get(engine.id)
      // Between the last look at it and the signal nobody can see it die.
      const died = deaths.get(ended?.primary ?? -1)
      const raced = died !== undefined && time.now() - died <= raceMs
      ledger.onKill(engine, ended?.because ?? 'nobody decided it', raced)
    }),
    onDeath: (engine) => {
      deaths.set(engine.identity.pid, time.now())
      ledger.onDeath(engine)
    },
    onElected: guarded((engine) => ledger.onElected(engine)),
    onClaim: guarded((engine, slots) => ledger.onClaim(engine, slots)),
    onDrop: guarded((engine, writes) => ledger.onDrop(engine, writes)),
    diesAtCommand: (after) => lives.diesAtCommand(after),
    note,
  })
  const store = createMemoryStore({ clock: time })
  await store.transact(
    [],
    rest.entries.map((entry) => ({ put: entry.key, value: entry.value })),
  )
  const readState = async (): Promise<GroupState> => {
    const entry = await store.get(stateKey(rest.spec))
    return JSON.parse(entry?.value ?? '{}') as GroupState
  }
  const readSpec = async (): Promise<GroupSpec> => JSON.parse((await store.get(specKey(rest.spec)))?.value ?? '{}') as GroupSpec
  const setTargets = (shards: GroupState['shards']): void => {
    for (const [id, shard] of Object.entries(shards)) ledger.targets.set(id, shard)
  }
  const first = await readState()
  setTargets(first.shards)
  for (const engine of copyEngines(rest.engines)) world.place(engine)
  /** Why a node is ended, and the process that was seen as primary of its shard. */
  const stops = new Map<string, { readonly because: string; readonly primary: number | null }>()
  const heard = guarded((decision: Decision, input: GroupInput): void => {
    const { state, observed } = input
    for (const action of decision.actions) {
      if (action.do === 'target') checkDisk(world, input, action)
      if (action.do !== 'stop' && action.do !== 'remove-node') continue
      const shard = state.nodes[action.node]?.shard ?? ''
      if (action.do === 'remove-node') checkRemoval(input, shard, action.node)
      const seen = observed.nodes[state.shards[shard]?.primary ?? '']?.engine
      const because = action.do === 'stop' ? action.because : 'removal'
      stops.set(action.node, { because, primary: seen?.replication?.role === 'primary' ? seen.pid : null })
      if (action.do !== 'stop') continue
      note(`decided: ${action.node} is ended, ${action.because}`)
      const engine = world.living().find((each) => each.id === action.node)
      if (action.because === 'hung' && engine !== undefined && !engine.stopped && engine.silentAt < time.now() - 1_000)
        throw new Violation('busy', `${engine.id} is ended as hung, and works`)
    }
  })
  const listening = (input: GroupInput): Decision => {
    const decision = decide(input)
    heard(decision, input)
    return decision
  }
  const lives = createLives({ world, store, random, decide: listening, onTargets: setTargets, note })

  // One client for each shard, and one that tries every node.
  let written = 0
  const tryWrite = guarded((engine: SimEngine): void => {
    if (!canRun(engine, time.now()) || !takesWrites(engine) || engine.pausedUntil > time.now()) return
    written += 1
    const id = writeIn(written, slotsOf(engine))
    ledger.onWrite(engine, id)
    engine.log.push(id)
    propagate(world.machine, engine)
  })
  // Now and then nobody writes.
  let writing = !random.chance(0.1)
  const write = (): void => {
    if (!writing) return
    for (const engine of world.living()) if (takesWrites(engine) || random.chance(0.2)) tryWrite(engine)
    time.after(random.between(1, writeEveryMs), write)
  }

  const stage = { time, random, world, store, lives, spec: rest.spec, note }
  const endsAt = time.now() + faultsWithinMs
  for (let count = random.between(1, 5); count > 0; count -= 1) {
    const at = random.between(100, faultsWithinMs)
    const again = random.chance(0.3)
    time.after(at, () => someFault(random)(stage))
    if (again) time.after(at + random.between(0, 60), () => someFault(random)(stage))
  }
  reshapeNowAndThen(stage, createRandom(seed + reshaping), faultsWithinMs)
  lives.start()
  write()

  const isWhole = async (): Promise<boolean> => {
    const [state, spec] = [await readState(), await readSpec()]
    const nodes = spec.shards.flatMap((shard) => shard.nodes)
    const living = world.living()
    if (state.status !== 'available' || state.generation !== spec.generation || living.length !== nodes.length) return false
    return spec.shards.every((shard) => {
      const engines = shard.nodes.map((node) => living.find((engine) => engine.id === node.id))
      const primary = engines.find((engine) => engine !== undefined && takesWrites(engine))
      if (primary === undefined || !areSame(slotsOf(primary), shard.slots)) return false
      return engines.every((engine) => {
        if (engine === undefined || !canRun(engine, time.now()) || primary.id !== state.shards[shard.id]?.primary) return false
        const floats = state.primaryEndpoint !== null && engine.bound.includes(state.primaryEndpoint.address)
        if (state.primaryEndpoint !== null && floats !== (engine === primary)) return false
        if (state.nodes[engine.id]?.status !== 'available') return false
        return engine === primary || (isReplica(engine) && engine.link === primary && engine.log.length === primary.log.length)
      })
    })
  }

  const current = (): Violation | null => violation
  while (current() === null && time.now() < endsAt) await time.step()
  // Quiet: what is stopped goes on, and Larder lives.
  let quietFrom = time.now()
  let looked = quietFrom
  for (let calm = false; current() === null; ) {
    await time.step()
    if (time.now() < world.trouble.awayUntil) quietFrom = time.now()
    const sinceQuiet = time.now() - quietFrom
    if (!calm && sinceQuiet > 4_000) {
      calm = true
      writing = false
      world.repair()
      for (const engine of world.living()) world.resume(engine)
      if (!lives.isRunning) lives.start()
    }
    if (calm && time.now() - looked >= 50) {
      looked = time.now()
      if (await isWhole()) break
      if (sinceQuiet > healWithinMs) {
        const state = await readState()
        violation = new Violation(
          'health',
          `not whole ${healWithinMs} ms after the last fault: ${state.status} ${JSON.stringify(state.shards)} ${state.reason} ${world
            .living()
            .map(
              (engine) =>
                `${engine.id} ${isReplica(engine) ? 'replica' : 'primary'} ${engine.log.length} ${engine.bound.join(',')} ${engine.link?.id}`,
            )
            .join('; ')}`,
        )
      }
    }
  }
  if (current() === null) guarded(() => ledger.atEnd(world.living().filter(takesWrites)))()
  const healedInMs = time.now() - quietFrom
  lives.kill()
  return {
    seed,
    shape: rest.shape.name,
    violation: current(),
    acknowledged: ledger.acknowledged,
    lost: ledger.lost,
    reasons: ledger.reasons,
    healedInMs,
    trace,
  }
}
