/** Memcached's text protocol. */
import type { Discovery } from '../../ports/balancer.ts'
import { discoveryText, type LoginSeen, type Protocol, type ReplyPart, type RequestPart, unreachableText } from './protocol.ts'

const newline = 0x0a
/** The engine refuses longer lines too, but for a `get` of many keys, of which nothing needs to be understood. */
const longestLine = 2_048
const longestKey = 250
const largestBlock = 2_147_483_645
const discoveryKey = 'AmazonElastiCache:cluster'

const nothing: Buffer = Buffer.alloc(0)
const unauthenticated = Buffer.from('CLIENT_ERROR unauthenticated\r\n')
const refusal = Buffer.from(`SERVER_ERROR ${unreachableText}\r\n`)

const configAnswer = (discovery: Discovery): Buffer => {
  const text = discoveryText(discovery)
  return Buffer.from(`CONFIG cluster 0 ${Buffer.byteLength(text)}\r\n${text}\r\nEND\r\n`)
}

const valueAnswer =
  (withCas: boolean) =>
  (discovery: Discovery): Buffer => {
    const text = discoveryText(discovery)
    const cas = withCas ? ` ${discovery.version}` : ''
    return Buffer.from(`VALUE ${discoveryKey} 0 ${Buffer.byteLength(text)}${cas}\r\n${text}\r\nEND\r\n`)
  }

const discoveryAnswer = (words: readonly string[]): ((discovery: Discovery) => Buffer) | null => {
  const [first, second, third] = words
  if (words.length === 3 && first === 'config' && second === 'get' && third === 'cluster') return configAnswer
  if (words.length !== 2 || second !== discoveryKey) return null
  return first === 'get' ? valueAnswer(false) : first === 'gets' ? valueAnswer(true) : null
}

const natural = (word: string | undefined): number | null => (word !== undefined && /^\d{1,10}$/.test(word) ? Number(word) : null)

/** Number of words, the last of which may be `noreply`, that a storage command has. */
const storageWords: Readonly<Record<string, number>> = { set: 5, add: 5, replace: 5, append: 5, prepend: 5, cas: 6 }

/** Length of the block that follows a meta set: its third word, or in early versions the flag `S`. */
const metaLength = (words: readonly string[]): number | null => {
  if (words[2] === undefined || /^\d/.test(words[2])) return natural(words[2])
  const flag = words.slice(2).find((word) => /^S\d/.test(word))
  return flag === undefined ? null : natural(flag.slice(1))
}

const storageLength = (words: readonly string[], expected: number): number | null => {
  if (words.length !== expected && words.length !== expected + 1) return null
  // The engine reads no block after a line with numbers that it cannot understand.
  if (natural(words[2]) === null || !/^-?\d+$/.test(words[3] ?? '')) return null
  return natural(words[4])
}

/** Bytes of data, with the line break, that follow this line. */
const blockAfter = (words: readonly string[]): number => {
  const [name = '', key = ''] = words
  if (key.length > longestKey) return 0
  const expected = storageWords[name]
  const length = name === 'ms' ? metaLength(words) : expected === undefined ? null : storageLength(words, expected)
  return length === null || length > largestBlock ? 0 : length + 2
}

const requests = (): ((chunk: Buffer) => readonly RequestPart[]) => {
  /** A line that has not ended yet. */
  let held = nothing
  /** Bytes of data that are still to come. */
  let block = 0
  let inLongLine = false

  const command = (bytes: Buffer, words: readonly string[]): RequestPart => {
    const [name] = words
    return {
      is: 'command',
      bytes,
      marker: name === 'version',
      quits: name === 'quit',
      refusal: words.at(-1) === 'noreply' ? null : refusal,
    }
  }

  const line = (bytes: Buffer): RequestPart => {
    const words = bytes.toString('latin1').trimEnd().split(' ').filter(Boolean)
    const answer = discoveryAnswer(words)
    if (answer !== null) return { is: 'discovery', answer, unauthenticated }
    block = blockAfter(words)
    return command(bytes, words)
  }

  return (chunk) => {
    const parts: RequestPart[] = []
    let rest = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    held = nothing
    const take = (length: number): Buffer => {
      const taken = rest.subarray(0, length)
      rest = rest.subarray(length)
      return taken
    }
    while (rest.length > 0) {
      if (block > 0) {
        const bytes = take(block)
        block -= bytes.length
        parts.push({ is: 'more', bytes })
        continue
      }
      const end = rest.indexOf(newline) + 1
      if (inLongLine) {
        inLongLine = end === 0
        parts.push({ is: 'more', bytes: take(end === 0 ? rest.length : end) })
      } else if (end > 0) {
        parts.push(line(take(end)))
      } else if (rest.length > longestLine) {
        inLongLine = true
        parts.push(command(take(rest.length), []))
      } else {
        held = take(rest.length)
      }
    }
    return parts
  }
}

const valueLine = /^VALUE \S+ \d+ (\d+)/
const metaLine = /^VA (\d+)/

/** Answers are lines, and blocks of data after those that begin with `VALUE` or `VA`: that much is true of all commands. */
const replies = (): ((chunk: Buffer) => readonly ReplyPart[]) => {
  let held = nothing
  let block = 0
  let inLongLine = false

  return (chunk) => {
    const parts: ReplyPart[] = []
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    let from = 0
    let at = 0
    const emit = (to: number): void => {
      if (to > from) parts.push({ is: 'bytes', bytes: bytes.subarray(from, to) })
      from = to
    }
    while (at < bytes.length) {
      if (block > 0) {
        const length = Math.min(block, bytes.length - at)
        block -= length
        at += length
        continue
      }
      const end = bytes.indexOf(newline, at) + 1
      if (end === 0) {
        inLongLine ||= bytes.length - at > longestLine
        if (!inLongLine) break
        at = bytes.length
        continue
      }
      // Only lines that begin with V matter; the others are not even turned into text.
      const text = !inLongLine && bytes[at] === 0x56 ? bytes.toString('latin1', at, end) : ''
      inLongLine = false
      if (text.startsWith('VERSION ')) {
        emit(at)
        parts.push({ is: 'marker', bytes: bytes.subarray(at, end) })
        from = end
      }
      const length = (valueLine.exec(text) ?? metaLine.exec(text))?.[1]
      if (length !== undefined) block = Number(length) + 2
      at = end
    }
    emit(at)
    held = bytes.subarray(at)
    return parts
  }
}

/** A login is a `set`, and until there is one nothing else is stored; every answer is one short line. */
const logins = (): ((chunk: Buffer) => LoginSeen) => {
  let held = ''
  return (chunk) => {
    const lines = (held + chunk.toString('latin1')).split('\n')
    held = (lines.pop() ?? '').slice(-longestLine)
    return { answers: lines.length, isIn: lines.includes('STORED\r') }
  }
}

export const ascii: Protocol = { marker: Buffer.from('version\r\n'), requests, replies, logins }
