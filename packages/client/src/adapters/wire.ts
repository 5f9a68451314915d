/** One connection to one server, as a client library gives it. */
import type { Argument, ConnectionOptions } from '../connection/connection.ts'

export interface WireOptions extends Pick<ConnectionOptions, 'url' | 'tls' | 'credentials'> {
  readonly connectTimeout: number
  readonly commandTimeout: number
  readonly track: boolean
  /** Only read from, and not the primary. */
  readonly isReplica: boolean
}

export interface Wire {
  isReady(): boolean
  /** Bulk texts come as bytes. What is sent in one turn goes out together, after its end, and is answered in its order. Rejects at once while it is not connected. Nothing is sent twice. */
  send(args: readonly Argument[]): Promise<unknown>
  /** Connected, and logged in. */
  onReady(listener: () => void): void
  /** Not connected any longer, or failed to: it tries again by itself. */
  onLost(listener: (error: unknown) => void): void
  /** Null: all of them. */
  onInvalidated(listener: (keys: readonly string[] | null) => void): void
  /** Answered by the server, with an error. */
  isReply(error: unknown): error is Error
  /** Where changes are told by another connection than this one: resolves when everything that was changed before it was called has been told. Else they come before any later answer. */
  settle?(): Promise<unknown>
  /** Bytes that have come, and gone, as far as this client says. */
  carried?(): number
  close(): void
}

export interface WireFactory {
  /** Begins to connect. */
  open(options: WireOptions): Wire
  /** Whether it tells of changed keys, and where: on the connection that has read them, before any later answer, or apart from it. */
  readonly tracks: false | 'in order' | 'apart'
  /** It connects to a replica only where it is told that it is one (`isReplica`), and then to a primary as well, of which it only reads. */
  readonly refusesReplicas?: true
}
