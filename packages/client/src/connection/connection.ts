/// <reference types="node" preserve="true" />
/**
 * What this library needs of a client for Valkey or Redis OSS. One adapter for each client library, all of which pass one suite
 * (connection.contract.ts).
 */
import { createHash } from 'node:crypto'
import { CacheError } from '../errors.ts'

/** What a server answers. Texts come as bytes. */
export type Reply = Buffer | string | number | null | readonly Reply[]

export type Argument = string | Buffer

export interface Script {
  readonly text: string
  /** Hexadecimal SHA-1, by which servers know it. */
  readonly hash: string
}

export const script = (text: string): Script => ({ text, hash: createHash('sha1').update(text).digest('hex') })

export interface Command {
  /** Decides, in a cluster, which shard it is for. */
  readonly key: string
  readonly args: readonly Argument[]
  /** To be run on its keys and arguments; `args` is then `[number of keys, ...keys, ...arguments]`. */
  readonly script?: Script
  /** A script that runs in its place among the others also where the server has not got it yet. */
  readonly inOrder?: boolean
  /** May be answered by a replica, which may be behind; its answer has no epoch of its own. The primary answers where no replica does. */
  readonly fromReplica?: boolean
}

export const run = (what: Script, keys: readonly string[], args: readonly Argument[] = []): Command => {
  const [key] = keys
  if (key === undefined) throw new CacheError('usage', 'expected a script to have a key, found none')
  return { key, script: what, args: [String(keys.length), ...keys, ...args] }
}

export interface Answer {
  readonly value: Reply
  /**
   * Of the primary of the shard of that key: another one whenever what it has may be older than what was said before, that is after a failover or
   * a restart.
   */
  readonly epoch: string
}

export interface SendOptions {
  /** Milliseconds, where not as long as usual. */
  readonly timeout?: number
}

/** Told of keys that were read over this connection, and have changed since. */
export interface Tracking {
  /** Whether each change is told before any answer that was given after it. Else only what was changed before `settle` was called is known to have been told. */
  readonly isInOrder: boolean
  /** Null: all of them. */
  onInvalidated(listener: (keys: readonly string[] | null) => void): void
  /** Changes from now on may stay untold: what was read is not to be believed any longer. */
  onLost(listener: () => void): void
  /** Resolves when whatever was changed before now has been told. */
  settle(): Promise<void>
}

export interface Connection {
  /** Whether keys are spread over shards, so that one command may not have keys of several. */
  readonly clustered: boolean
  /** Whether commands with `fromReplica` go to replicas. */
  readonly readsReplicas: boolean
  /** Null: this client, or this connection, cannot. */
  readonly tracking: Tracking | null
  /**
   * All in one packet for each server, answered in the order in which they were asked. A server that has not the script yet is given it, in which case that
   * command runs after the others, unless it has `inOrder`. Nothing is sent twice after it may have been executed. Rejects with `unavailable`, or with `refused` where one of
   * them is answered by an error: the others may have been executed.
   */
  send(commands: readonly Command[], options?: SendOptions): Promise<readonly Answer[]>
  close(): Promise<void>
}

export interface Credentials {
  readonly username?: string
  readonly password: string
  /** Milliseconds after which the connection authenticates anew. */
  readonly renewAfter?: number
}

/** Where to, and how. Times are milliseconds. */
export interface ConnectionOptions {
  /** `redis://` or, with TLS, `rediss://`, with user and password where they are needed. A cluster is recognised by itself. */
  readonly url: string
  /** Instead of what the URL says; asked before each connection, and after `renewAfter` for the open ones. */
  readonly credentials?: () => Promise<Credentials>
  /** For `rediss://`: authorities to trust beside the system's, and a certificate of one's own. */
  readonly tls?: { readonly ca?: string | Buffer; readonly cert?: string | Buffer; readonly key?: string | Buffer }
  /**
   * Where replicas answer: `replicas` in cluster mode; else the URL of a reader endpoint, or those of replicas. Entries are read there; what decides about them is not.
   * Default: `primary`.
   */
  readonly readFrom?: 'primary' | 'replicas' | { readonly url: string | readonly string[] }
  /** The availability zone of this process: replicas of the same one are asked where there are any. Valkey 8 and later say in which they are. */
  readonly zone?: string
  /** A command without an answer after that time is given up. Default: 500. */
  readonly commandTimeout?: number
  /** Default: 2,000. */
  readonly connectTimeout?: number
  /** Tells of changes of what was read. Default: false. */
  readonly track?: boolean
}

export type Connect = (options: ConnectionOptions) => Promise<Connection>
