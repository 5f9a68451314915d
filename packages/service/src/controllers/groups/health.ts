/**
 * Finds hung engines within a second, for the price of one read of /proc for each node and look. Engines that have ended are not found
 * here: the end of their control connection tells at once.
 *
 * Where control comes as a client, clients can keep it out although the engine runs: by a pause, or by taking every place. Such an engine is asked now
 * and then; when it has rested and answered nothing for half a minute, it is as good as hung.
 */
import { isAtRest, isImplausible, isStill, longestSilenceMs, type Pulse } from '../../decide/health.ts'
import type { ProcessIdentity } from '../../model/group.ts'
import { type Clock, steadyMs } from '../../ports/clock.ts'
import type { Host, RuntimeReader } from '../../ports/host.ts'
import { keepDoing } from '../../ports/keep-doing.ts'
import type { Log } from '../../ports/log.ts'

const lookMs = 250
/** How long an engine that looks still has to answer, or to run. */
const answerMs = 250
const listenEveryMs = 5_000
const listenMs = 1_000

export interface Watched {
  /** `<region>/<node id>` */
  readonly name: string
  readonly identity: ProcessIdentity
  /** Asks the engine for any answer. */
  readonly ping: (deadlineMs: number) => Promise<void>
  /** Whether clients can keep control out of it; left out: they cannot. */
  readonly mayBeKeptOut?: () => Promise<boolean>
}

interface Track {
  readonly identity: ProcessIdentity
  /** Null: every look is a whole one. */
  readonly runtime: RuntimeReader | null
  pulse: Pulse
  /** When it was first seen still, by the steady clock; null while it runs. */
  stillSince: number | null
  asking: boolean
  hung: boolean
  listenedAt: number
  /** When it first answered nothing although it ran; null: it answered. */
  silent: { readonly since: number; readonly pulse: Pulse } | null
}

export interface Health {
  /** Of this very process: its successor is another matter. */
  isHung(name: string, identity: ProcessIdentity): boolean
  /** Resolves when the node is found hung; at once when it is. Never rejects, and may never resolve. */
  whenHung(name: string, identity: ProcessIdentity, signal: AbortSignal): Promise<void>
  run(signal: AbortSignal): Promise<void>
}

interface HealthOptions {
  readonly host: Pick<Host, 'sample' | 'runtime'>
  readonly clock: Clock
  readonly log: Log
  readonly nodes: () => Iterable<Watched>
  /** A node was found hung, or runs again. */
  readonly onChange: (name: string) => void
  /** A node runs, and has answered nothing for that long. */
  readonly onKeptOut?: (name: string, silentMs: number) => void
}

const sameProcess = (a: ProcessIdentity, b: ProcessIdentity): boolean => a.pid === b.pid && a.startTime === b.startTime

export const createHealth = ({ host, clock, log, nodes, onChange, onKeptOut }: HealthOptions): Health => {
  const tracks = new Map<string, Track>()
  const waiting = new Map<string, Set<() => void>>()
  let held = false

  /** Those that are being asked count too: what happens to all at once is found one after the other. */
  const isHeld = (): boolean => {
    const isSilent = ({ silent }: Track): boolean => silent !== null && steadyMs(clock) - silent.since > listenEveryMs
    const hung = [...tracks.values()].filter((track) => track.hung || track.asking || isSilent(track)).length
    const hold = isImplausible(hung, tracks.size)
    if (hold !== held) {
      held = hold
      const found = { hung, watched: tracks.size }
      if (hold) log('error', 'most nodes look hung at once: nobody is ended, since a fault that they share is likelier', found)
      else log('info', 'most nodes run again', found)
    }
    return hold
  }

  const declare = (name: string, track: Track, hung: boolean): void => {
    if (track.hung === hung) return
    track.hung = hung
    const { pid } = track.identity
    const stillMs = track.stillSince === null ? 0 : Math.round(steadyMs(clock) - track.stillSince)
    if (hung) log('warn', 'a node is hung', { node: name, pid, state: track.pulse.state, stillMs })
    else log('info', 'a hung node runs again', { node: name, pid })
    const wasHeld = held
    if (isHeld() || wasHeld) {
      for (const each of tracks.keys()) onChange(each)
      return
    }
    for (const tell of waiting.get(name) ?? []) tell()
    onChange(name)
  }

  const sampleOf = async (track: Track): Promise<Pulse | null> => host.sample(track.identity)

  const answers = (node: Watched, deadlineMs: number): Promise<boolean> =>
    Promise.race([
      node.ping(deadlineMs).then(
        () => true,
        () => false,
      ),
      clock.sleep(deadlineMs).then(() => false),
    ])

  /** Of an engine that runs. */
  const listen = async (node: Watched, track: Track): Promise<void> => {
    const now = steadyMs(clock)
    if (node.mayBeKeptOut === undefined || now - track.listenedAt < listenEveryMs) return
    track.listenedAt = now
    if (!(await node.mayBeKeptOut()) || (await answers(node, listenMs))) {
      track.silent = null
      if (track.stillSince === null) declare(node.name, track, false)
      return
    }
    const pulse = await sampleOf(track)
    if (pulse === null) return
    const since = steadyMs(clock)
    if (track.silent === null || !isAtRest(track.silent.pulse, pulse, since - track.silent.since)) {
      track.silent = { since, pulse }
      return
    }
    const silentMs = since - track.silent.since
    if (silentMs < longestSilenceMs || track.hung) return
    log('warn', 'a node runs and answers nothing to control', { node: node.name, pid: track.identity.pid, silentMs })
    onKeptOut?.(node.name, silentMs)
    declare(node.name, track, true)
  }

  const ask = async (node: Watched, track: Track): Promise<void> => {
    track.asking = true
    try {
      const answered = await answers(node, answerMs)
      const pulse = await sampleOf(track)
      if (tracks.get(node.name) !== track || pulse === null) return
      const hung = !answered && isStill(track.pulse, pulse)
      track.pulse = pulse
      track.asking = false
      if (!hung) track.stillSince = null
      declare(node.name, track, hung)
    } finally {
      track.asking = false
    }
  }

  const drop = (name: string): void => {
    tracks.get(name)?.runtime?.close()
    tracks.delete(name)
  }

  const trackOf = (node: Watched): Track => {
    const present = tracks.get(node.name)
    if (present !== undefined && sameProcess(present.identity, node.identity)) return present
    drop(node.name)
    const track: Track = {
      identity: node.identity,
      runtime: host.runtime(node.identity),
      pulse: { state: 'R', runtimeNs: -1 },
      stillSince: null,
      asking: false,
      hung: false,
      listenedAt: steadyMs(clock),
      silent: null,
    }
    tracks.set(node.name, track)
    return track
  }

  /** Has it run since the last look? Almost always it has, and then nothing else is looked at. */
  const hasRun = (track: Track): boolean => {
    const runtimeNs = track.runtime?.read() ?? null
    if (runtimeNs === null || runtimeNs === track.pulse.runtimeNs) return false
    track.pulse = { state: 'R', runtimeNs }
    return true
  }

  const runs = async (node: Watched, track: Track): Promise<void> => {
    track.stillSince = null
    // One that was found silent goes on running: an answer alone shows that it is well.
    if (track.silent === null) declare(node.name, track, false)
    await listen(node, track)
  }

  const look = async (node: Watched): Promise<void> => {
    const track = trackOf(node)
    if (track.asking) return
    if (hasRun(track)) return runs(node, track)
    const pulse = await sampleOf(track)
    if (pulse === null) {
      if (tracks.get(node.name) === track) drop(node.name)
      return
    }
    const still = isStill(track.pulse, pulse)
    track.pulse = pulse
    if (!still) return runs(node, track)
    track.stillSince ??= steadyMs(clock)
    if (!track.hung) await ask(node, track)
  }

  const round = (): void => {
    const seen = new Set<string>()
    for (const node of nodes()) {
      seen.add(node.name)
      look(node).catch((error: unknown) => log('warn', 'a node could not be looked at', { node: node.name, error }))
    }
    for (const name of tracks.keys()) if (!seen.has(name)) drop(name)
  }

  const isHung = (name: string, identity: ProcessIdentity): boolean => {
    const track = tracks.get(name)
    return !held && track?.hung === true && sameProcess(track.identity, identity)
  }

  return {
    isHung,
    whenHung: (name, identity, signal) =>
      new Promise((resolve) => {
        if (isHung(name, identity)) {
          resolve()
          return
        }
        const those = waiting.get(name) ?? new Set()
        waiting.set(name, those)
        const done = (): void => {
          those.delete(resolve)
          if (those.size === 0 && waiting.get(name) === those) waiting.delete(name)
        }
        those.add(resolve)
        signal.addEventListener('abort', done, { once: true })
      }),
    run: async (signal) => {
      await keepDoing({ clock, log }, { complaint: 'nodes could not be looked at', everyMs: lookMs, signal }, round)
      for (const name of [...tracks.keys()]) drop(name)
    },
  }
}
