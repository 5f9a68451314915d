/**
 * A hostile machine in virtual time, behind the ports of the controllers: answers come late or never, processes die, stop and work on long
 * commands, and a Larder that has been killed has no effect any more.
 * Over 400 lines: one world, whose parts all see the same state.
 */
import { LarderError } from '../../errors.ts'
import type { Endpoint, ProcessIdentity, SlotRange } from '../../model/group.ts'
import type { Balancer } from '../../ports/balancer.ts'
import type { Clock } from '../../ports/clock.ts'
import type { EngineAdapter, EngineControl, EngineStatus, NodePlan } from '../../ports/engine.ts'
import type { Host, Launch } from '../../ports/host.ts'
import {
  canRun,
  claimSlots,
  createElections,
  dropForeignKeys,
  handOver,
  hasMajority,
  isReplica,
  keepSynced,
  keepTelling,
  learn,
  type Machine,
  meet,
  replicateNode,
  type SimEngine,
  takeOver,
  takesWrites,
  wake,
} from './engine.ts'
import type { Random } from './random.ts'
import type { Time } from './time.ts'

/** What a node leaves on disk. */
interface Disk {
  /** Writes in its append-only file; null: it has none. */
  log: readonly number[] | null
  /** An engine that starts on it ends. */
  damaged?: boolean
  cluster: SimEngine['members'] | null
  myId: string | null
}

export interface Trouble {
  /** Chance that the answer of a command is lost, while trouble lasts. */
  lostAnswers: number
  failedStarts: number
  /** Larder does not come back before. */
  awayUntil: number
  /** Commands and their answers take up to so many milliseconds more. */
  slowness: number
  /** When answers could last be lost, or come later than anybody waits for them. */
  unheardAt: number
}

export interface Ports {
  readonly host: Host
  readonly balancer: Balancer
  readonly clock: Clock
  readonly adapter: EngineAdapter
}

export interface SimWorld {
  readonly machine: Machine
  readonly disks: Map<string, Disk>
  readonly trouble: Trouble
  /** Ports of one life of Larder: they do nothing any more once `isDead` says so. */
  ports(isDead: () => boolean): Ports
  kill(engine: SimEngine): void
  stop(engine: SimEngine, stuck?: boolean): void
  resume(engine: SimEngine): void
  busy(engine: SimEngine, ms: number): void
  /** What this node has on disk does not load any more. */
  damage(folder: string): void
  /** Somebody mends the files of shards that have no other copy: without them they wait for ever. */
  repair(): void
  living(): readonly SimEngine[]
  /** An engine that runs from the beginning. */
  place(engine: SimEngine): void
}

interface Watch {
  readonly onPrimary: (engine: SimEngine, planned: boolean) => void
  readonly onElected: (engine: SimEngine) => void
  /** A node starts, as primary or not. */
  readonly onStart: (engine: SimEngine, asPrimary: boolean) => void
  /** Does Larder die before, or after, it has told an engine something? */
  readonly diesAtCommand: (after: boolean) => boolean
  readonly onDeath: (engine: SimEngine) => void
  /** A node takes slots, and a node that has lost slots deletes their keys. */
  readonly onClaim: (engine: SimEngine, slots: readonly SlotRange[]) => void
  readonly onDrop: (engine: SimEngine, writes: readonly number[]) => void
  /** Larder kills it. */
  readonly onKill: (engine: SimEngine) => void
  readonly note: (text: string) => void
}

/** What an engine says that ends because of its files. */
const damagedLog = 'the file does not load'

const never = <T>(): Promise<T> => new Promise(() => undefined)
const unreachable = (id: string): LarderError => new LarderError('engine-unreachable', `${id} does not run`, { retry: true })
const late = (what: string): LarderError => new LarderError('deadline', `no answer to ${what}`, { retry: true })

export const shardOfNode = (kind: NodePlan['kind'], id: string): string =>
  kind === 'cme' ? (id.split('-').at(-2) ?? '') : '0001'

export const createSimWorld = (time: Time, random: Random, watch: Watch): SimWorld => {
  const processes = new Map<number, SimEngine>()
  const disks = new Map<string, Disk>()
  /** Folders whose engine ended last because of its files. */
  const ended = new Set<string>()
  const trouble: Trouble = { lostAnswers: 0, failedStarts: 0, slowness: 0, awayUntil: 0, unheardAt: 0 }
  let nextPid = 1_000
  let electing = false
  let telling = false
  let cached: readonly SimEngine[] | null = null

  const living = (): readonly SimEngine[] => {
    cached ??= [...processes.values()].filter((engine) => engine.alive)
    return cached
  }
  const { onPrimary, onElected, onClaim, onDrop, note } = watch
  const machine: Machine = { time, random, living, onPrimary, onElected, onClaim, onDrop, note }
  const elections = createElections(machine)

  const kill = (engine: SimEngine): void => {
    if (!engine.alive) return
    if (engine.stuck) {
      engine.killed = true
      return
    }
    engine.alive = false
    watch.onDeath(engine)
    cached = null
    processes.delete(engine.identity.pid)
    const log = engine.plan.parameters['appendonly'] === 'yes' ? engine.log : null
    disks.set(engine.plan.folder, { log, cluster: engine.members, myId: engine.myId })
    for (const other of living()) if (other.link === engine) other.link = null
    for (const other of living()) if (isReplica(other) && other.link === null) keepSynced(machine, other)
    engine.waiting = []
    for (const close of engine.closers) close()
    engine.closers.clear()
  }
  const resume = (engine: SimEngine): void => {
    if (!engine.alive || !engine.stopped) return
    engine.stopped = false
    engine.stuck = false
    engine.silentAt = time.now()
    if (engine.killed) {
      kill(engine)
      return
    }
    if (canRun(engine, time.now())) wake(machine, engine)
  }
  const busy = (engine: SimEngine, ms: number): void => {
    engine.busyUntil = time.now() + ms
    time.after(ms, () => {
      if (canRun(engine, time.now())) wake(machine, engine)
    })
  }

  const statusOf = (engine: SimEngine): EngineStatus => {
    const replica = isReplica(engine)
    const source = replica ? (engine.link ?? undefined) : undefined
    const cluster = engine.plan.kind === 'cme'
    const primaryId = engine.members.get(engine.myId ?? '')?.primaryId
    const known = primaryId == null ? undefined : engine.members.get(primaryId)
    return {
      pid: engine.identity.pid,
      version: engine.plan.engine.version,
      loading: engine.syncing && engine.log.length === 0 && random.chance(0.3),
      usedMemoryBytes: 1,
      maxMemoryBytes: engine.maxMemory,
      clients: 1,
      bound: engine.bound,
      ioThreads: engine.plan.ioThreads,
      persistenceFails: false,
      replication: {
        role: replica ? 'replica' : 'primary',
        primary: replica ? (cluster ? (known ?? null) : engine.follows) : null,
        linkUp: source?.alive === true,
        // A data set that was never written to has no offset yet: a replica that has copied it looks like one that has copied nothing.
        offset: replica && !engine.synced ? 1 : engine.log.length === 0 ? 0 : engine.log.length * 10 + 2,
        replicationId: 'r',
        connectedReplicas: 0,
      },
      cluster: !cluster
        ? null
        : {
            myId: engine.myId ?? '',
            state: 'ok',
            currentEpoch: 0,
            nodes: [...engine.members.values()].map((member) => ({
              id: member.id,
              address: member.address,
              port: member.port,
              flags: [member.primaryId === null ? 'master' : 'slave', ...(elections.isFailed(member.id) ? ['fail'] : [])],
              primaryId: member.primaryId,
              linkUp: true,
              slots: member.slots,
              configEpoch: member.configEpoch,
            })),
          },
    }
  }

  const newEngine = (launch: Launch): SimEngine => {
    const plan = JSON.parse(launch.environment['plan'] ?? '{}') as NodePlan
    const disk = disks.get(plan.folder)
    nextPid += 1
    const members = new Map(disk?.cluster ?? plan.cluster?.members.map((member) => [member.id, member]))
    const myId = disk?.myId ?? plan.cluster?.myId ?? null
    const { rejoin } = plan
    if (rejoin !== undefined) {
      members.clear()
      for (const entry of rejoin.view.nodes) members.set(entry.id, entry)
      const mine = members.get(rejoin.myId)
      if (mine !== undefined) members.set(mine.id, { ...mine, primaryId: rejoin.primaryId, slots: [], configEpoch: 0 })
    }
    // It takes no writes before it has heard what the others know.
    for (const other of living()) {
      if (myId === null || other.myId === null || !other.members.has(myId)) continue
      for (const member of other.members.values()) {
        // Whom it has forgotten, or never knew, it would have to meet first.
        const known = members.get(member.id)
        if (rejoin === undefined && known !== undefined && known.configEpoch <= member.configEpoch) learn(members, member)
      }
    }
    return {
      plan,
      id: plan.id,
      shard: shardOfNode(plan.kind, plan.id),
      identity: { pid: nextPid, startTime: String(nextPid), bootId: 'simulated' },
      tag: launch.tag,
      alive: true,
      stopped: false,
      stuck: false,
      killed: false,
      busyUntil: 0,
      silentAt: -1,
      pausedUntil: 0,
      bound: [plan.address, ...plan.floating],
      log: plan.parameters['appendonly'] === 'yes' ? [...(disk?.log ?? [])] : [],
      follows: plan.replicaOf,
      link: null,
      syncing: false,
      synced: false,
      wholeAt: time.now(),
      fresh: plan.kind === 'cme' ? rejoin !== undefined : plan.replicaOf !== null,
      slowUntil: 0,
      attempt: 0,
      maxMemory: plan.maxMemoryBytes,
      parameters: { ...plan.parameters },
      myId,
      members,
      closers: new Set(),
      waiting: [],
    }
  }
  const place = (engine: SimEngine): void => {
    if (engine.plan.election === true && !electing) {
      electing = true
      elections.look()
    }
    if (engine.plan.kind === 'cme' && !telling) {
      telling = true
      keepTelling(machine)
    }
    processes.set(engine.identity.pid, engine)
    nextPid = Math.max(nextPid, engine.identity.pid)
    cached = null
  }

  const ports = (isDead: () => boolean): Ports => {
    const clock: Clock = {
      now: time.now,
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          if (isDead()) return
          if (signal?.aborted === true) {
            reject(signal.reason)
            return
          }
          const cancel = time.after(ms, () => {
            signal?.removeEventListener('abort', onAbort)
            if (!isDead()) resolve()
          })
          const onAbort = (): void => {
            cancel()
            if (!isDead()) reject(signal?.reason)
          }
          signal?.addEventListener('abort', onAbort, { once: true })
        }),
    }
    /** Something takes its time, and does not happen once Larder is dead. */
    const soon = <T>(low: number, high: number, work: () => T): Promise<T> =>
      isDead()
        ? never()
        : new Promise((resolve, reject) => {
            time.after(random.between(low, high), () => {
              if (isDead()) return
              try {
                resolve(work())
              } catch (error) {
                reject(error)
              }
            })
          })

    const controlOf = (engine: SimEngine): EngineControl => {
      const closed = Promise.withResolvers<void>()
      const close = (): void => {
        if (!isDead()) closed.resolve()
      }
      engine.closers.add(close)
      /** Carried out when the engine runs, whether somebody still waits or not. */
      const tell = <T>(what: string, deadlineMs: number, work: () => T): Promise<T> => {
        if (isDead()) return never()
        return new Promise((resolve, reject) => {
          let isOver = false
          const over = (finish: () => void): void => {
            if (isOver || isDead()) return
            isOver = true
            engine.closers.delete(onEnd)
            finish()
          }
          const onEnd = (): void => over(() => reject(unreachable(engine.id)))
          if (!engine.alive) {
            reject(unreachable(engine.id))
            return
          }
          engine.closers.add(onEnd)
          time.after(deadlineMs, () => over(() => reject(late(what))))
          const carryOut = (): void => {
            if (!engine.alive) return
            let finish: () => void
            try {
              const answer = work()
              finish = () => resolve(answer)
            } catch (error) {
              finish = () => reject(error)
            }
            if (trouble.lostAnswers > 0 && random.chance(trouble.lostAnswers)) return
            time.after(random.between(0, 1 + trouble.slowness), () => over(finish))
          }
          time.after(random.between(0, 2 + trouble.slowness), () => {
            if (!engine.alive) return
            if (canRun(engine, time.now())) carryOut()
            else engine.waiting.push(carryOut)
          })
        })
      }
      const change = (what: string, work: () => void): Promise<void> => {
        if (watch.diesAtCommand(false)) return never()
        return tell(what, 2_000, () => {
          machine.note(`${engine.id} is told: ${what}`)
          work()
        }).then((answer) => (watch.diesAtCommand(true) ? never<void>() : answer))
      }
      return {
        closed: closed.promise,
        status: (deadlineMs = 2_000) => tell('status', deadlineMs, () => statusOf(engine)),
        ping: (deadlineMs) => tell('ping', deadlineMs, () => undefined),
        applyParameters: (parameters) => change('parameters', () => Object.assign(engine.parameters, parameters)),
        setMaxMemory: (bytes) =>
          change('maxmemory', () => {
            engine.maxMemory = bytes
          }),
        replicate: (of) =>
          change(of === null ? 'be primary' : `follow ${of.address}`, () => {
            if (of === null && engine.follows !== null) machine.onPrimary(engine, false)
            const moved = engine.follows?.address !== of?.address
            engine.follows = of
            if (moved || of === null) engine.link = null
            if (of !== null) keepSynced(machine, engine)
          }),
        bind: (addresses) =>
          change(`bind ${addresses.join(' ')}`, () => {
            const taken = living().find((other) => other !== engine && other.bound.some((each) => addresses.includes(each)))
            if (taken !== undefined)
              throw new LarderError('engine-command', `an address is in use by ${taken.id}`, { retry: true })
            engine.bound = [...addresses]
          }),
        setAccess: () => change('access', () => undefined),
        setTransit: () => change('transit', () => undefined),
        reloadCertificate: () => change('certificate', () => undefined),
        meet: (nodes) =>
          change(`meet ${nodes.map((node) => node.address).join(' ')}`, () => {
            for (const { address } of nodes) {
              const other = living().find((each) => each.plan.address === address)
              if (other !== undefined) meet(machine, engine, other)
            }
          }),
        claimSlots: (ranges) => change('claim slots', () => claimSlots(machine, engine, ranges)),
        replicateNode: (nodeId) => change(`follow ${nodeId.slice(0, 6)}`, () => replicateNode(machine, engine, nodeId)),
        takeOver: () => change('take over', () => takeOver(machine, engine, false)),
        standForElection: () =>
          change('stand for election', () => {
            if (!isReplica(engine)) return
            if (!hasMajority(machine, engine)) throw new LarderError('engine-command', 'nobody votes for it', { retry: true })
            takeOver(machine, engine, false)
          }),
        forget: (nodeId) =>
          change('forget', () => {
            engine.members.delete(nodeId)
          }),
        publishDiscovery: () => change('discovery', () => undefined),
        shutdown: () => change('end', () => kill(engine)),
        command: (args) =>
          tell(args.join(' '), 10_000, () => {
            machine.note(`${engine.id} is told: ${args.join(' ')}`)
            if (args[1] === 'PAUSE') engine.pausedUntil = time.now() + Number(args[2])
            else if (args[1] === 'UNPAUSE') engine.pausedUntil = 0
            else if (args[1] === 'FAILOVER') handOver(machine, engine)
            return 'OK'
          }),
        close: () => {
          engine.closers.delete(close)
          close()
        },
      }
    }

    const adapter: EngineAdapter = {
      engine: 'valkey',
      render: (plan) => ({
        files: {},
        launch: {
          command: ['simulated', `${plan.folder}/node.conf`],
          environment: { plan: JSON.stringify(plan) },
          cwd: plan.folder,
          logFile: `${plan.folder}/engine.log`,
          tag: `${plan.folder}/`,
        },
      }),
      damageIn: (log) => (log === damagedLog ? { files: ['appendonlydir'], said: log } : null),
      knowsItself: () => true,
      certificateFiles: () => ({}),
      accessFiles: () => null,
      socketsBeside: () => [],
      connect: (plan, deadlineMs) =>
        new Promise((resolve, reject) => {
          if (isDead()) return
          time.after(random.between(0, 2), () => {
            if (isDead()) return
            const engine = living().find((each) => each.plan.address === plan.address)
            if (engine === undefined) {
              reject(unreachable(plan.address))
              return
            }
            if (canRun(engine, time.now())) resolve(controlOf(engine))
            else time.after(deadlineMs, () => !isDead() && reject(late('a connection')))
          })
        }),
    }

    const find = (identity: ProcessIdentity): SimEngine | undefined => processes.get(identity.pid)
    const host: Host = {
      start: (launch) =>
        soon(3, 40, () => {
          if (random.chance(trouble.failedStarts))
            throw new LarderError('engine-start', 'it could not be started', { retry: true })
          const engine = newEngine(launch)
          if (living().some((other) => other.plan.address === engine.plan.address))
            throw new LarderError('engine-start', `${engine.id} runs already`, { retry: true })
          const { folder, parameters } = engine.plan
          ended.delete(folder)
          if (parameters['appendonly'] === 'yes' && disks.get(folder)?.damaged === true) {
            machine.note(`${engine.id} cannot load its files, and ends`)
            ended.add(folder)
            return engine.identity
          }
          dropForeignKeys(machine, engine)
          watch.onStart(engine, takesWrites(engine))
          place(engine)
          if (isReplica(engine)) keepSynced(machine, engine)
          if (random.chance(trouble.failedStarts / 2))
            time.after(random.between(0, 60), () => {
              machine.note(`${engine.id} ends right after its start`)
              kill(engine)
            })
          return engine.identity
        }),
      check: async (identity) => (isDead() ? never() : find(identity) === undefined ? 'gone' : 'running'),
      findByTag: async (tag) => living().flatMap((engine) => (engine.tag === tag ? [engine.identity] : [])),
      sample: async (identity) => {
        const engine = find(identity)
        if (isDead()) return never()
        if (engine === undefined) return null
        const isBusy = engine.busyUntil > time.now()
        const state = engine.stopped ? (engine.stuck ? 'D' : 'T') : isBusy ? 'R' : 'S'
        return { state, runtimeNs: engine.stopped ? 0 : time.now() + 1, residentBytes: 0 }
      },
      runtime: () => null,
      signal: (identity, _tag, name) =>
        soon(0, 2, () => {
          const engine = find(identity)
          if (engine === undefined) return false
          machine.note(`${engine.id} gets ${name}`)
          if (name === 'SIGKILL') watch.onKill(engine)
          if (name === 'SIGKILL') time.after(random.between(0, 5), () => kill(engine))
          return true
        }),
      waitGone: async (identity) => {
        const deadline = time.now() + 1_000
        while (find(identity) !== undefined) {
          if (time.now() > deadline) throw late('the end of a process')
          await clock.sleep(5)
        }
      },
      writeFile: async () => undefined,
      readFile: async (path) => (disks.get(path.replace('/nodes.conf', ''))?.cluster == null ? null : 'as it was'),
      makeFolder: async () => undefined,
      removeFile: async () => undefined,
      removeFolder: async (path) => {
        if (!isDead()) disks.delete(path)
      },
      listFolder: async () => [],
      tail: async (path) => (ended.has(path.replace('/engine.log', '')) ? damagedLog : ''),
      move: async (from) => {
        const folder = from.replace('/appendonlydir', '')
        const disk = disks.get(folder)
        if (isDead() || disk?.log == null || from === folder) return false
        machine.note(`${folder}: its files are moved aside`)
        disks.set(folder, { ...disk, log: null, damaged: false })
        return true
      },
      sizeOf: async () => 0,
      isFree: async () => true,
    }
    const balancer: Balancer = {
      setReader: (_endpoint: Endpoint) => soon(1, 10, () => undefined),
      setDiscovery: () => soon(0, 1, () => undefined),
      setFronts: () => soon(0, 1, () => undefined),
      remove: () => soon(0, 1, () => undefined),
      list: async () => [],
      clear: async () => undefined,
    }
    return { host, balancer, clock, adapter }
  }

  return {
    machine,
    disks,
    trouble,
    ports,
    kill,
    stop: (engine, stuck = false) => {
      engine.stopped = true
      engine.stuck ||= stuck
    },
    resume,
    busy,
    repair: () => {
      const shardIn = (folder: string): string => folder.split('/').at(-1)?.split('-').slice(0, -1).join('-') ?? ''
      for (const [folder, disk] of disks) {
        const isWhole = ([other, { log, damaged }]: readonly [string, Disk]): boolean =>
          shardIn(other) === shardIn(folder) && damaged !== true && log !== null && log.length > 0
        if (disk.damaged !== true || [...disks].some(isWhole)) continue
        note(`${folder}: somebody repairs its files`)
        disks.set(folder, { ...disk, damaged: false })
      }
    },
    damage: (folder) => {
      const disk = disks.get(folder)
      if (disk !== undefined) disks.set(folder, { ...disk, damaged: true })
    },
    living,
    place,
  }
}
