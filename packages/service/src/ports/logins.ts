import type { InstalledEngine } from './catalog.ts'

/** How a node asks whether the token of an IAM user is right (`native/larder-auth.c`). */
export interface NodeLogins {
  /** The module that it loads. */
  readonly module: string
  /** Unix socket on which the service answers. */
  readonly socket: string
  /** `<region>/<node>`: it comes back with each question. A node keeps its name, also where it moves to another group. */
  readonly scope: string
  /** A connection ends that long after its last login. */
  readonly seconds: number
  /** A login without an answer is refused after that time. */
  readonly waitMs: number
}

export type LoginSettings = Omit<NodeLogins, 'scope'>

export interface LoginModule {
  /** The file that this engine can load; null: it cannot. */
  fileFor(engine: InstalledEngine): string | null
  /** Why users cannot log in by IAM to engines of this version (null: of any), for the user; null where they can. */
  whyNot(engine: 'valkey' | 'redis', version: string | null): string | null
}

/** What a node asks. Everything in it but the scope was written by a client. */
export interface LoginQuestion {
  readonly scope: string
  readonly user: string
  readonly token: string
  /** Of the client; empty: not known. */
  readonly sourceAddress: string
}
