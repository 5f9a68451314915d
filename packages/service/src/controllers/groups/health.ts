/**
 * Finds hung engines within a second, for the price of two reads of /proc for each node and look. Engines that have ended are not found
 * here: the end of their control connection tells at once.
 */
import { isImplausible, isStill, type Pulse } from '../../decide/health.ts'
import type { ProcessIdentity } from '../../model/group.ts'
import { type Clock, steadyMs } from '../../ports/clock.ts'
import type { Host } from '../../ports/host.ts'
import type { Log } from '../../ports/log.ts'

const lookMs = 250
/** How long an engine that looks still has to answer, or to run. */
const answerMs = 250

export interface Watched {
  /** `<region>/<node id>` */
  readonly name: string
  readonly identity: ProcessIdentity
  /** Asks the engine for any answer. */
  readonly ping: (deadlineMs: number) => Promise<void>
}

interface Track {
  readonly identity: ProcessIdentity
  pulse: Pulse
  /** When it was first seen still, by the steady clock; null while it runs. */
  stillSince: number | null
  asking: boolean
  hung: boolean
}

export interface Health {
  /** Of this very process: its successor is another matter. */
  isHung(name: string, identity: ProcessIdentity): boolean
  /** Resolves when the node is found hung; at once when it is. Never rejects, and may never resolve. */
  whenHung(name: string, identity: ProcessIdentity, signal: AbortSignal): Promise<void>
  run(signal: AbortSignal): Promise<void>
}

interface HealthOptions {
  readonly host: Pick<Host, 'sample'>
  readonly clock: Clock
  readonly log: Log
  readonly nodes: () => Iterable<Watched>
  /** A node was found hung, or runs again. */
  readonly onChange: (name: string) => void
}

const sameProcess = (a: ProcessIdentity, b: ProcessIdentity): boolean => a.pid === b.pid && a.startTime === b.startTime

export const createHealth = ({ host, clock, log, nodes, onChange }: HealthOptions): Health => {
  const tracks = new Map<string, Track>()
  const waiting = new Map<string, Set<() => void>>()
  let held = false

  /** Those that are being asked count too: what happens to all at once is found one after the other. */
  const isHeld = (): boolean => {
    const hung = [...tracks.values()].filter((track) => track.hung || track.asking).length
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

  const ask = async (node: Watched, track: Track): Promise<void> => {
    track.asking = true
    try {
      const answered = await Promise.race([
        node.ping(answerMs).then(
          () => true,
          () => false,
        ),
        clock.sleep(answerMs).then(() => false),
      ])
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

  const look = async (node: Watched): Promise<void> => {
    const present = tracks.get(node.name)
    const track =
      present !== undefined && sameProcess(present.identity, node.identity)
        ? present
        : { identity: node.identity, pulse: { state: 'R', runtimeNs: -1 }, stillSince: null, asking: false, hung: false }
    if (track !== present) tracks.set(node.name, track)
    if (track.asking) return
    const pulse = await sampleOf(track)
    if (pulse === null) {
      tracks.delete(node.name)
      return
    }
    const still = isStill(track.pulse, pulse)
    track.pulse = pulse
    if (!still) {
      track.stillSince = null
      declare(node.name, track, false)
      return
    }
    track.stillSince ??= steadyMs(clock)
    if (!track.hung) await ask(node, track)
  }

  const round = (): void => {
    const seen = new Set<string>()
    for (const node of nodes()) {
      seen.add(node.name)
      look(node).catch((error: unknown) => log('warn', 'a node could not be looked at', { node: node.name, error }))
    }
    for (const name of tracks.keys()) if (!seen.has(name)) tracks.delete(name)
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
      while (!signal.aborted) {
        round()
        await clock.sleep(lookMs, signal).catch(() => undefined) // it ends
      }
    },
  }
}
