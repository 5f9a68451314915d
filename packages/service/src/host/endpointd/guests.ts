/**
 * How many connections this process takes: each may need a second one to an engine, and descriptors stay in reserve for listeners, files and
 * the log. When all places are taken, whoever has been silent longest gives way; where nobody has been, the new one is closed.
 */
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Log } from '../../ports/log.ts'

/** More would not fit into the memory that the process may use. */
const mostEver = 4_000
const reserved = 256
const lookMs = 5_000
/** Silent for less: somebody may wait for an answer. */
const silentMs = 10_000
/** Who connects speaks soon. */
const firstWordMs = 60_000
/** The kernel finds out who is not there any more. */
const keepAliveMs = 60_000
const tellEveryMs = 60_000

export const placesFor = (openFiles: number): number =>
  Math.max(8, Math.min(mostEver, Math.floor((openFiles - Math.min(reserved, openFiles / 4)) / 2)))

export const openFilesOf = (limits: string): number => {
  const [, soft] = /^Max open files +(\d+|unlimited)/m.exec(limits) ?? []
  return soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft ?? 1_024)
}

interface Seen {
  readonly since: number
  bytes: number
  at: number
}

export interface Guests {
  /** False: there is no place, and the connection has been closed. Everybody has a listener for errors from here on. */
  admit(socket: Socket): boolean
  /** Closes who has never said anything for too long; notes who is silent. Called every some seconds while anybody is here. */
  look(): void
  readonly size: number
}

interface GuestsOptions {
  readonly log: Log
  readonly places?: number
  readonly now?: () => number
}

const bytesOf = ({ bytesRead, bytesWritten }: Socket): number => bytesRead + bytesWritten

export const createGuests = ({ log, places, now = () => performance.now() }: GuestsOptions): Guests => {
  const most = places ?? placesFor(openFilesOf(readFileSync('/proc/self/limits', 'utf8')))
  const present = new Map<Socket, Seen>()
  let timer: NodeJS.Timeout | undefined
  let toldAt = Number.NEGATIVE_INFINITY
  let refused = 0

  const look = (): void => {
    for (const [socket, seen] of present) {
      const bytes = bytesOf(socket)
      if (bytes !== seen.bytes) Object.assign(seen, { bytes, at: now() })
      else if (socket.bytesRead === 0 && now() - seen.since > firstWordMs) socket.destroy()
    }
  }

  const silentLongest = (): Socket | null => {
    let found: [Socket, number] | null = null
    for (const [socket, seen] of present) {
      if (bytesOf(socket) !== seen.bytes || now() - seen.at < silentMs) continue
      if (found === null || seen.at < found[1]) found = [socket, seen.at]
    }
    return found?.[0] ?? null
  }

  const tell = (): void => {
    if (now() - toldAt < tellEveryMs) return
    toldAt = now()
    log('warn', 'all places for connections are taken', { places: most, refused })
    refused = 0
  }

  const leave = (socket: Socket): void => {
    present.delete(socket)
    if (present.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  return {
    admit: (socket) => {
      socket.on('error', () => socket.destroy())
      if (present.size >= most) {
        const other = silentLongest()
        refused += other === null ? 1 : 0
        tell()
        if (other === null) {
          socket.resetAndDestroy()
          return false
        }
        leave(other)
        other.destroy()
      }
      present.set(socket, { since: now(), bytes: 0, at: now() })
      socket.once('close', () => leave(socket))
      socket.setKeepAlive(true, keepAliveMs)
      timer ??= setInterval(look, lookMs).unref()
      return true
    },
    look,
    get size() {
      return present.size
    },
  }
}
