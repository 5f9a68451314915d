/** What the thread that serves HTTP and the rest of the service tell each other. */
import type { ConnectionLimits } from './limits.ts'

export interface Timeouts {
  /** Milliseconds from the first byte of a request to the end of its headers. */
  readonly headers: number
  /** To the end of its body. */
  readonly request: number
  /** How often the two are looked at. */
  readonly checked: number
  /** How long a connection that has not signed yet may be idle. */
  readonly unsigned: number
}

/** What the thread is started with. */
export interface FrontSettings {
  readonly timeouts: Timeouts
  readonly limits: ConnectionLimits
  /** Setting of the user: names beside those of this machine. */
  readonly allowedHosts: string
  readonly xmlns: string
}

export interface Asked {
  readonly what: 'request'
  readonly id: number
  readonly route: 'api' | 'health' | 'metrics'
  readonly requestId: string
  readonly method: string
  readonly path: string
  /** Not decoded. */
  readonly query: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly sourceAddress: string | null
}

export type FromFront =
  | Asked
  | { readonly what: 'listening'; readonly port: number }
  | { readonly what: 'not-listening'; readonly code: string; readonly message: string }
  | { readonly what: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly message: string; readonly fields: object }
  | { readonly what: 'closed' }

export interface Reply {
  readonly status: number
  readonly type: 'text/xml' | 'application/x-amz-json-1.1' | 'text/plain; version=0.0.4; charset=utf-8'
  readonly body: string
  readonly signed: boolean
}

export type ToFront =
  | { readonly what: 'listen'; readonly host: string; readonly port: number }
  | { readonly what: 'reply'; readonly id: number; readonly reply: Reply }
  | { readonly what: 'close' }
