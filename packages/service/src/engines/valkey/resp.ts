/** The engines' protocol, version 2 (RESP2), as far as a control connection needs it. Pure. */

import type { Reader } from '../exchange.ts'

/** An error that the engine answered with. The first word is its code: `ERR`, `NOPERM`, `LOADING`, … */
export class ReplyError extends Error {
  override readonly name = 'ReplyError'
  readonly code: string

  constructor(text: string) {
    super(text)
    this.code = text.split(' ', 1)[0] ?? ''
  }
}

export type Reply = string | number | null | ReplyError | readonly Reply[]

interface Parsed {
  readonly value: Reply
  /** Where the next reply begins. */
  readonly next: number
}

export const encodeCommand = (args: readonly string[]): string =>
  `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`

const parseItems = (bytes: Buffer, from: number, count: number): Parsed | null => {
  const items: Reply[] = []
  let at = from
  for (let index = 0; index < count; index += 1) {
    const item = parseReply(bytes, at)
    if (item === null) return null
    items.push(item.value)
    at = item.next
  }
  return { value: items, next: at }
}

/** One reply that begins at `at`; null where its end is not there yet. Throws `TypeError` where it is no reply at all. */
const parseReply = (bytes: Buffer, at: number): Parsed | null => {
  const end = bytes.indexOf('\r\n', at)
  if (end < 0) return null
  const text = bytes.toString('utf8', at + 1, end)
  const next = end + 2
  switch (bytes[at]) {
    case 0x2b: // +
      return { value: text, next }
    case 0x2d: // -
      return { value: new ReplyError(text), next }
    case 0x3a: // :
      return { value: Number(text), next }
    case 0x24: {
      const length = Number(text)
      if (length < 0) return { value: null, next }
      const last = next + length
      return bytes.length < last + 2 ? null : { value: bytes.toString('utf8', next, last), next: last + 2 }
    }
    case 0x2a:
      return Number(text) < 0 ? { value: null, next } : parseItems(bytes, next, Number(text))
    default:
      throw new TypeError(`expected a reply of the engine's protocol, found ${JSON.stringify(text.slice(0, 40))}`)
  }
}

/** Collects bytes as they come and gives back the replies that are whole. */
export const createReplyReader = (): Reader<null, Reply> => {
  let pending: Buffer = Buffer.alloc(0)
  let at = 0
  return {
    push: (chunk) => {
      pending = at === pending.length ? chunk : Buffer.concat([pending.subarray(at), chunk])
      at = 0
    },
    next: () => {
      const parsed = at === pending.length ? null : parseReply(pending, at)
      if (parsed === null) return undefined
      at = parsed.next
      return parsed.value
    },
  }
}
