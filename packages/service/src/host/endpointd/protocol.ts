/**
 * How a Memcached protocol is cut into commands and answers, so that a discovery question can be answered between others.
 *
 * A *marker* is a command whose answer can be told from every other (`version`, and the binary no-op): sent after all that went
 * before, its answer says that all of that has been answered.
 */
import type { Discovery } from '../../ports/balancer.ts'

export type RequestPart =
  /** The beginning of a command. `refusal` is what a client reads where no node can be reached. */
  | {
      readonly is: 'command'
      readonly bytes: Buffer
      readonly marker: boolean
      /** The client is leaving. */
      readonly quits: boolean
      readonly refusal: Buffer | null
    }
  /** More of the command before. */
  | { readonly is: 'more'; readonly bytes: Buffer }
  | { readonly is: 'discovery'; readonly answer: (discovery: Discovery) => Buffer; readonly unauthenticated: Buffer }

export type ReplyPart = { readonly is: 'bytes' | 'marker'; readonly bytes: Buffer }

export interface Protocol {
  readonly marker: Buffer
  /** Keeps what is not yet whole for the next chunk. */
  requests(): (chunk: Buffer) => readonly RequestPart[]
  replies(): (chunk: Buffer) => readonly ReplyPart[]
  /** For a connection of which nobody has logged in yet, where each command has one answer: counts answers, and sees a login. */
  logins(): (chunk: Buffer) => LoginSeen
}

export interface LoginSeen {
  /** In this chunk, and whole with it. */
  readonly answers: number
  readonly isIn: boolean
}

/**
 * The list of nodes as clients of AWS expect it: version, then `host|ip|port` of each node. Addresses serve as names.
 * The ending line break is part of it.
 */
export const discoveryText = ({ version, nodes }: Discovery): string =>
  `${version}\n${nodes.map(({ address, port }) => `${address}|${address}|${port}`).join(' ')}\n`

export const unreachableText = 'no node of this cluster can be reached'
