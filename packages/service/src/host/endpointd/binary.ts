/**
 * Memcached's binary protocol: every message is a header of 24 bytes and a body whose length the header tells.
 * Discovery is opcode 0x60 with the key `cluster`, as AWS's own client asks (its GetConfigOperationImpl).
 */
import type { Discovery } from '../../ports/balancer.ts'
import { discoveryText, type LoginSeen, type Protocol, type ReplyPart, type RequestPart, unreachableText } from './protocol.ts'

export const binaryRequest = 0x80
const binaryReply = 0x81
const headerLength = 24
const noop = 0x0a
const getConfig = 0x60
const quitQuietly = 0x17
const temporaryFailure = 0x0086
const authenticationError = 0x0020
/** SASL: the first message of a login, and those that follow. */
const loginCommands: readonly number[] = [0x21, 0x22]
/** Longer bodies belong to commands that only pass through. */
const longestQuestion = headerLength + 64
/** Longer answers are neither a no-op's nor a login's. */
const longestWaitedFor = 4_096

const nothing: Buffer = Buffer.alloc(0)

interface Header {
  readonly opcode: number
  readonly keyLength: number
  readonly extrasLength: number
  readonly bodyLength: number
  readonly opaque: Buffer
}

const readHeader = (bytes: Buffer): Header => ({
  opcode: bytes.readUInt8(1),
  keyLength: bytes.readUInt16BE(2),
  extrasLength: bytes.readUInt8(4),
  bodyLength: bytes.readUInt32BE(8),
  opaque: bytes.subarray(12, 16),
})

interface ReplyFields {
  readonly opcode: number
  readonly opaque: Buffer
  readonly status: number
  readonly extras?: Buffer
  readonly value: Buffer
}

const reply = ({ opcode, opaque, status, extras = nothing, value }: ReplyFields): Buffer => {
  const header = Buffer.alloc(headerLength)
  header.writeUInt8(binaryReply, 0)
  header.writeUInt8(opcode, 1)
  header.writeUInt8(extras.length, 4)
  header.writeUInt16BE(status, 6)
  header.writeUInt32BE(extras.length + value.length, 8)
  opaque.copy(header, 12)
  return Buffer.concat([header, extras, value])
}

/** Four bytes of flags, then the list. */
const configAnswer =
  (opaque: Buffer) =>
  (discovery: Discovery): Buffer =>
    reply({ opcode: getConfig, opaque, status: 0, extras: Buffer.alloc(4), value: Buffer.from(discoveryText(discovery)) })

/** Is it a question, by its header alone? Such a message is waited for until it is whole. */
const mayAsk = (header: Header): boolean => header.opcode === getConfig && headerLength + header.bodyLength <= longestQuestion

const requestOf = (bytes: Buffer, header: Header): RequestPart => {
  const keyAt = headerLength + header.extrasLength
  const key = bytes.toString('latin1', keyAt, keyAt + header.keyLength)
  const opaque = Buffer.from(header.opaque)
  if (mayAsk(header) && key === 'cluster') {
    const unauthenticated = reply({ opcode: getConfig, opaque, status: authenticationError, value: Buffer.from('Auth failure.') })
    return { is: 'discovery', answer: configAnswer(opaque), unauthenticated }
  }
  const refusal = reply({ opcode: header.opcode, opaque, status: temporaryFailure, value: Buffer.from(unreachableText) })
  return { is: 'command', bytes, marker: header.opcode === noop, quits: header.opcode === quitQuietly, refusal }
}

/** Cuts at message boundaries: `whole` tells whether a message is wanted in one piece, as far as that can be told from its header. */
const messages = <T>(
  whole: (header: Header) => boolean,
  begin: (bytes: Buffer, header: Header) => T,
  more: (bytes: Buffer) => T,
): ((chunk: Buffer) => readonly T[]) => {
  let held = nothing
  let missing = 0
  return (chunk) => {
    const parts: T[] = []
    let rest = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    held = nothing
    while (rest.length > 0) {
      if (missing > 0) {
        const bytes = rest.subarray(0, missing)
        missing -= bytes.length
        rest = rest.subarray(bytes.length)
        parts.push(more(bytes))
        continue
      }
      const header = rest.length < headerLength ? null : readHeader(rest)
      const length = headerLength + (header?.bodyLength ?? 0)
      if (header === null || (rest.length < length && length <= longestWaitedFor && whole(header))) {
        held = rest
        break
      }
      const bytes = rest.subarray(0, length)
      missing = length - bytes.length
      rest = rest.subarray(bytes.length)
      parts.push(begin(bytes, header))
    }
    return parts
  }
}

const marker = Buffer.alloc(headerLength)
marker.writeUInt8(binaryRequest, 0)
marker.writeUInt8(noop, 1)

const logins = (): ((chunk: Buffer) => LoginSeen) => {
  const split = messages<boolean | null>(
    () => true,
    (bytes, { opcode }) => loginCommands.includes(opcode) && bytes.readUInt16BE(6) === 0,
    () => null,
  )
  return (chunk) => {
    const whole = split(chunk).filter((part) => part !== null)
    return { answers: whole.length, isIn: whole.includes(true) }
  }
}

export const binary: Protocol = {
  marker,
  requests: () => messages<RequestPart>(mayAsk, requestOf, (bytes) => ({ is: 'more', bytes })),
  replies: () =>
    messages<ReplyPart>(
      (header) => header.opcode === noop,
      (bytes, header) => ({ is: header.opcode === noop ? 'marker' : 'bytes', bytes }),
      (bytes) => ({ is: 'bytes', bytes }),
    ),
  logins,
}
