/** Options with their defaults, the same for one server and for a cluster. */
import type { ConnectionOptions } from '../connection.ts'
import type { WireFactory, WireOptions } from './wire.ts'

export interface Settings {
  readonly url: string
  readonly commandTimeout: number
  readonly connectTimeout: number
  readonly readFrom: NonNullable<ConnectionOptions['readFrom']>
  readonly zone: string | undefined
  readonly credentials: ConnectionOptions['credentials']
  /** Asked for, and the client can. */
  readonly isTracking: boolean
  /** What each connection is opened with. */
  readonly wire: Omit<WireOptions, 'url' | 'track' | 'isReplica'>
}

export const settingsOf = (factory: WireFactory, options: ConnectionOptions): Settings => {
  const {
    url,
    commandTimeout = 500,
    connectTimeout = 2_000,
    track = false,
    readFrom = 'primary',
    zone,
    credentials,
    tls,
  } = options
  return {
    url,
    commandTimeout,
    connectTimeout,
    readFrom,
    zone,
    credentials,
    isTracking: track && factory.tracks,
    wire: { connectTimeout, ...(tls === undefined ? {} : { tls }), ...(credentials === undefined ? {} : { credentials }) },
  }
}
