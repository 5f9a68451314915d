/** Engine versions, parameter group families, and what each version can do, as data. */
import { invalidValue } from '../errors.ts'
import type { EngineName } from './group.ts'

export interface Family {
  readonly family: string
  readonly engine: EngineName
}

export const families: readonly Family[] = [
  { family: 'memcached1.4', engine: 'memcached' },
  { family: 'memcached1.5', engine: 'memcached' },
  { family: 'memcached1.6', engine: 'memcached' },
  { family: 'redis2.6', engine: 'redis' },
  { family: 'redis2.8', engine: 'redis' },
  { family: 'redis3.2', engine: 'redis' },
  { family: 'redis4.0', engine: 'redis' },
  { family: 'redis5.0', engine: 'redis' },
  { family: 'redis6.x', engine: 'redis' },
  { family: 'redis7', engine: 'redis' },
  { family: 'valkey7', engine: 'valkey' },
  { family: 'valkey8', engine: 'valkey' },
  { family: 'valkey9', engine: 'valkey' },
]

const partsOf = (version: string): readonly number[] => version.split('.').map((part) => Number.parseInt(part, 10) || 0)

/** Negative when `a` is older than `b`. Missing parts count as zero. */
export const compareVersions = (a: string, b: string): number => {
  const left = partsOf(a)
  const right = partsOf(b)
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** `9.1` of `9.1.2`. */
export const minorOf = (version: string): string => version.split('.').slice(0, 2).join('.')

/** `valkey9`, `redis6.x`, `redis7`, `redis5.0`, `memcached1.6`. */
export const familyOf = (engine: EngineName, version: string): string => {
  const [major = 0, minor = 0] = partsOf(version)
  if (engine === 'memcached') return `memcached${major}.${minor}`
  if (engine === 'valkey' || major >= 7) return `${engine}${major}`
  return major === 6 ? 'redis6.x' : `redis${major}.${minor}`
}

export const defaultParameterGroup = (engine: EngineName, version: string, clusterMode: boolean): string =>
  `default.${familyOf(engine, version)}${clusterMode ? '.cluster.on' : ''}`

export type VersionChange = 'same' | 'upgrade' | 'downgrade' | 'invalid'

/** Redis OSS may become Valkey of the same or a later generation. No engine goes back to an earlier version, nor does Memcached. */
export const versionChange = (
  fromEngine: EngineName,
  fromVersion: string,
  toEngine: EngineName,
  toVersion: string,
): VersionChange => {
  if (fromEngine !== toEngine) {
    const allowed =
      fromEngine === 'redis' && toEngine === 'valkey' && (partsOf(toVersion)[0] ?? 0) >= (partsOf(fromVersion)[0] ?? 0)
    return allowed ? 'upgrade' : 'invalid'
  }
  const order = compareVersions(toVersion, fromVersion)
  if (order === 0) return 'same'
  return order > 0 ? 'upgrade' : 'downgrade'
}

export interface Capabilities {
  /** `availability-zone` tells clients where a node is. */
  readonly availabilityZone: boolean
  readonly dualChannelReplication: boolean
  /** `proc-title-template` knows `{config-file}`. */
  readonly processTitle: boolean
  /** `CONFIG SET io-threads` works. */
  readonly ioThreadsAtRuntime: boolean
  /** `SHUTDOWN NOW FORCE` is understood. */
  readonly shutdownNow: boolean
  /** Clients can speak TLS. Of Memcached: as AWS, which asks for 1.6.12. */
  readonly tls: boolean
  /** A module can be asked about logins, and take its time to answer. */
  readonly authCallbacks: boolean
  /** A module can serve a socket of its own on the engine's event loop. */
  readonly eventLoopModules: boolean
  /** It can go on where it cannot write its file of the cluster: without, each node of a cluster ends as soon as anything changes on a full disk. */
  readonly survivesFullDisk: boolean
}

type Since = Readonly<Partial<Record<EngineName, string>>>

const since: Readonly<Record<keyof Capabilities, Since>> = {
  availabilityZone: { valkey: '8.0' },
  dualChannelReplication: { valkey: '8.0' },
  processTitle: { valkey: '7.2', redis: '6.2' },
  ioThreadsAtRuntime: { valkey: '9.0' },
  shutdownNow: { valkey: '7.2', redis: '7.0' },
  tls: { valkey: '7.2', redis: '6.0', memcached: '1.6.12' },
  authCallbacks: { valkey: '7.2', redis: '7.2' },
  eventLoopModules: { valkey: '7.2', redis: '7.0' },
  survivesFullDisk: { valkey: '9.1' },
}

export const engineCapabilities = (engine: EngineName, version: string): Capabilities => {
  const has = (name: keyof Capabilities): boolean => {
    const first = since[name][engine]
    return first !== undefined && compareVersions(version, first) >= 0
  }
  return {
    availabilityZone: has('availabilityZone'),
    dualChannelReplication: has('dualChannelReplication'),
    processTitle: has('processTitle'),
    ioThreadsAtRuntime: has('ioThreadsAtRuntime'),
    shutdownNow: has('shutdownNow'),
    tls: has('tls'),
    authCallbacks: has('authCallbacks'),
    eventLoopModules: has('eventLoopModules'),
    survivesFullDisk: has('survivesFullDisk'),
  }
}

/** A version as a user writes it: `9`, `9.1`, `9.1.2`, `6.x`. Throws `InvalidParameterValueException`. */
export const checkVersionText = (text: string): string => {
  if (!/^\d{1,3}(\.(\d{1,3}|x)){0,2}$/.test(text))
    throw invalidValue(`EngineVersion: expected a version like 9.1 or 7.0.15, found ${text.slice(0, 60)}`)
  return text
}
